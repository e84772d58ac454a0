/* SPDX-License-Identifier: BSD-2-Clause */
/* From names in modules to a number; see python_cells.h. */
#include "python_cells.h"

#include <errno.h>
#include <stdbool.h>

#include "python_dict.h"
#include "python_object.h"
#include "python_string.h"

#define MODULE_DICT 16 /* PyModuleObject.md_dict */
#define LIST_ITEMS 24
#define LONG_DIGIT 24 /* PyLongObject: its first digit, in all versions */

/* Each step is a question of its own: a notebook has imported thousands of modules. */
static int find_in_dict(struct python_reader *reader, uint64_t dict, const char *name,
			uint64_t *ret)
{
	struct python_pages pages;
	struct python_table table;
	struct python_slot slot;
	uint64_t known = 0;
	int err;

	python_reader_begin(reader, &pages);
	err = python_dict_open(reader, dict, &table);
	if (!err)
		err = python_dict_find(reader, &table, name, &known, &slot);
	python_reader_end(reader);
	if (!err)
		*ret = slot.value;
	return err;
}

/* A name in what an object keeps a dict of names at an offset: a module, a class. */
static int find_name(struct python_reader *reader, uint64_t object, uint64_t offset,
		     const char *name, uint64_t *ret)
{
	uint64_t dict;
	int err = python_reader_u64(reader, object + offset, &dict);

	return err ? err : find_in_dict(reader, dict, name, ret);
}

/* A positive int of one digit: 30 bits, or 15 (Include/cpython/longintrepr.h). */
static int read_number(const struct python_reader *reader, uint64_t object, uint32_t *ret)
{
	const struct python_layout *layout = &reader->layout;
	bool is_tagged = layout->long_tag != NO_OFFSET;
	uint64_t type, flags, size;
	int err = python_reader_u64(reader, object + OBJECT_TYPE, &type);

	if (!err)
		err = python_reader_u64(reader, type + TYPE_FLAGS, &flags);
	if (!err)
		err = python_reader_u64(
			reader, object + (is_tagged ? layout->long_tag : OBJECT_SIZE), &size);
	if (err)
		return err;
	/* lv_tag: the number of digits << 3; bit 2 of small ints that never die, from 3.14 on; the
	 * sign, 0 for a positive one. */
	if (is_tagged)
		size = (size & ~(uint64_t)4) == 1U << 3;
	if (!(flags & TYPE_LONG_SUBCLASS) || size != 1)
		return -EINVAL;
	return python_reader_fetch(reader, object + LONG_DIGIT, ret, sizeof(*ret));
}

static int find_shell(struct python_reader *reader, uint64_t modules, uint64_t *ret)
{
	uint64_t found;
	int err = find_in_dict(reader, modules, "IPython.core.interactiveshell", &found);

	if (!err)
		err = find_name(reader, found, MODULE_DICT, "InteractiveShell", &found);
	return err ? err : find_name(reader, found, TYPE_DICT, "_instance", ret);
}

int python_cell_number(struct python_reader *reader, uint64_t modules, const char *file,
		       uint32_t *ret)
{
	uint64_t found;
	int err = find_shell(reader, modules, &found);

	if (!err)
		err = python_object_value(reader, found, "compile", &found);
	if (!err)
		err = python_object_value(reader, found, "_filename_map", &found);
	if (!err)
		err = find_in_dict(reader, found, file, &found);
	return err ? err : read_number(reader, found, ret);
}

/* An attribute, or what traitlets keeps in its place (HasTraits._trait_values). */
static int find_trait(struct python_reader *reader, uint64_t object, const char *name,
		      uint64_t *ret)
{
	uint64_t values;
	int err = python_object_value(reader, object, name, ret);

	if (err != -ENOENT)
		return err;
	err = python_object_value(reader, object, "_trait_values", &values);
	return err ? err : find_in_dict(reader, values, name, ret);
}

/* An item of a list (Include/cpython/listobject.h: ob_item, the same in all versions). */
static int read_item(const struct python_reader *reader, uint64_t list, uint64_t index,
		     uint64_t *ret)
{
	uint64_t type, flags, size, items;
	int err = python_reader_u64(reader, list + OBJECT_TYPE, &type);

	if (!err)
		err = python_reader_u64(reader, type + TYPE_FLAGS, &flags);
	if (!err && !(flags & TYPE_LIST_SUBCLASS))
		err = -EINVAL;
	if (!err)
		err = python_reader_u64(reader, list + OBJECT_SIZE, &size);
	if (!err && index >= size)
		err = -ENOENT;
	if (!err)
		err = python_reader_u64(reader, list + LIST_ITEMS, &items);
	return err ? err : python_reader_u64(reader, items + 8 * index, ret);
}

int python_cell_text(struct python_reader *reader, uint64_t modules, uint32_t number,
		     char **ret_text)
{
	uint64_t found;
	int err = find_shell(reader, modules, &found);

	if (!err)
		err = find_trait(reader, found, "history_manager", &found);
	if (!err)
		err = find_trait(reader, found, "input_hist_parsed", &found);
	if (!err)
		err = read_item(reader, found, number, &found);
	return err ? err : python_string_read(reader, found, CELL_MAX_BYTES, ret_text);
}
