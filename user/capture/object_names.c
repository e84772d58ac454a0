/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes by process; see object_names.h. */
#include "object_names.h"

#include <string.h>

#include "hash_table.h"
#include "memory.h"
#include "python_reader.h"

struct readable {
	pid_t pid;
	struct wire_layout layout;
};

struct object_names {
	struct inspector *inspector;
	char attributes[INSPECT_ATTRIBUTES_BYTES];
	struct readable *processes;
	size_t nr_processes, processes_capacity;
	struct hash_table process_ids; /* process to index */
};

/* As many whole names as there is room for. */
static void copy_attributes(const char *attributes, char *ret)
{
	size_t used = 0;

	while (*attributes) {
		size_t length = strcspn(attributes, ",");

		if (used + length + 2 > INSPECT_ATTRIBUTES_BYTES)
			break;
		if (used)
			ret[used++] = ',';
		memcpy(ret + used, attributes, length);
		used += length;
		attributes += length + (attributes[length] == ',');
	}
	ret[used] = '\0';
}

struct object_names *object_names_new(const char *attributes, struct inspector *inspector)
{
	struct object_names *names = xcalloc(1, sizeof(*names));

	names->inspector = inspector;
	copy_attributes(attributes, names->attributes);
	return names;
}

void object_names_free(struct object_names *names)
{
	if (!names)
		return;
	free(names->processes);
	hash_table_free(&names->process_ids);
	free(names);
}

void object_names_set(struct object_names *names, uint32_t process, pid_t pid,
		      const struct wire_layout *layout)
{
	struct python_reader reader;

	if (python_reader_init(&reader, layout))
		return;
	names->processes = array_reserve(names->processes, &names->processes_capacity,
					 names->nr_processes + 1, sizeof(*names->processes));
	names->processes[names->nr_processes] = (struct readable){ pid, *layout };
	hash_table_put(&names->process_ids, process, names->nr_processes++);
}

int object_names_read(struct object_names *names, uint32_t process,
		      const struct inspect_object *objects, size_t count, char **ret_names)
{
	_cleanup_(freep) struct inspect_objects_request *request = NULL;
	uint32_t index;

	memset(ret_names, 0, count * sizeof(*ret_names));
	if (count > INSPECT_OBJECT_BATCH || !hash_table_get(&names->process_ids, process, &index))
		return 0;
	request = xcalloc(1, sizeof(*request));
	request->pid = names->processes[index].pid;
	request->layout = names->processes[index].layout;
	request->count = (uint32_t)count;
	memcpy(request->attributes, names->attributes, sizeof(request->attributes));
	memcpy(request->objects, objects, count * sizeof(*objects));
	return inspect_object_names(names->inspector, request, ret_names);
}
