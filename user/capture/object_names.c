/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes by process; see object_names.h. */
#include "object_names.h"

#include <stdbool.h>
#include <string.h>

#include "hash_table.h"
#include "memory.h"
#include "python_object.h"

struct object_names {
	char **attributes;
	size_t nr_attributes, attributes_capacity;
	struct python_reader *readers;
	size_t nr_readers, readers_capacity;
	struct hash_table reader_ids; /* process to index */
};

struct object_names *object_names_new(const char *attributes)
{
	struct object_names *names = xcalloc(1, sizeof(*names));

	while (*attributes) {
		size_t length = strcspn(attributes, ",");

		names->attributes = array_reserve(names->attributes, &names->attributes_capacity,
						  names->nr_attributes + 1,
						  sizeof(*names->attributes));
		names->attributes[names->nr_attributes++] = xstrndup(attributes, length);
		attributes += length + (attributes[length] == ',');
	}
	return names;
}

void object_names_free(struct object_names *names)
{
	if (!names)
		return;
	for (size_t i = 0; i < names->nr_attributes; i++)
		free(names->attributes[i]);
	free(names->attributes);
	free(names->readers);
	hash_table_free(&names->reader_ids);
	free(names);
}

void object_names_set(struct object_names *names, uint32_t process, pid_t pid,
		      const struct wire_layout *layout)
{
	struct python_reader reader;

	if (python_reader_init_process(&reader, layout, pid))
		return;
	names->readers = array_reserve(names->readers, &names->readers_capacity,
				       names->nr_readers + 1, sizeof(*names->readers));
	names->readers[names->nr_readers] = reader;
	hash_table_put(&names->reader_ids, process, names->nr_readers++);
}

static bool has_type(const struct python_reader *reader, uint64_t object, uint64_t type)
{
	uint64_t found;

	return !python_reader_u64(reader, object + OBJECT_TYPE, &found) && found == type;
}

char *object_names_read(struct object_names *names, uint32_t process, uint64_t address,
			uint64_t type)
{
	struct python_reader *reader;
	char *text = NULL;
	uint32_t index;

	if (!hash_table_get(&names->reader_ids, process, &index))
		return NULL;
	reader = &names->readers[index];
	if (!has_type(reader, address, type))
		return NULL;
	for (size_t i = 0; i < names->nr_attributes && !text; i++) {
		if (python_object_attribute(reader, address, names->attributes[i], &text))
			text = NULL;
	}
	if (text && !has_type(reader, address, type)) {
		free(text);
		text = NULL;
	}
	return text;
}
