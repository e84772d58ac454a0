/* SPDX-License-Identifier: BSD-2-Clause */
/* See python_class.h. */
#include "python_class.h"

#include <string.h>

#include "python_object.h"

#define MAX_BASES 128

static bool is_class(struct python_reader *reader, uint64_t address, const char *module,
		     const char *name)
{
	struct python_type type;
	bool is_it;

	if (python_type_read(reader, address, &type))
		return false;
	is_it = !strcmp(type.qualname, name) && !strcmp(type.module, module);
	python_type_clear(&type);
	return is_it;
}

/* The class and its bases stand in a tuple, tp_mro. */
static bool find_class(struct python_reader *reader, uint64_t class, const char *module,
		       const char *name)
{
	uint64_t mro, count, base;

	if (python_reader_u64(reader, class + TYPE_MRO, &mro) ||
	    python_reader_u64(reader, mro + OBJECT_SIZE, &count) || count > MAX_BASES)
		return false;
	for (uint64_t i = 0; i < count; i++) {
		if (python_reader_u64(reader, mro + reader->layout.tuple_items + 8 * i, &base))
			return false;
		if (is_class(reader, base, module, name))
			return true;
	}
	return false;
}

bool python_class_derives(struct python_reader *reader, uint64_t object, const char *module,
			  const char *name)
{
	/* Each class is a question of its own. */
	struct python_pages *shared = reader->pages;
	bool is_found = false;
	uint64_t class;

	if (!python_reader_u64(reader, object + OBJECT_TYPE, &class))
		is_found = find_class(reader, class, module, name);
	reader->pages = shared;
	return is_found;
}
