/* SPDX-License-Identifier: BSD-2-Clause */
/* Qualified names from source text; see source_names.h. */
#include "source_names.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hash_table.h"
#include "memory.h"
#include "source_definitions.h"
#include "source_text.h"

struct source_names {
	struct definitions definitions;
	struct hash_table by_place; /* by place_key, then key + 1, ...; the first of its place */
	char **qualified;	    /* by definition, as far as they were asked for */
};

static uint64_t place_key(const char *name, uint32_t line)
{
	return hash_bytes(&line, sizeof(line), hash_bytes(name, strlen(name), 0));
}

static const char *name_of(const struct source_names *names, const struct definition *definition)
{
	return string_pool_get(&names->definitions.names, definition->name);
}

/* Is there such a definition? It is *ret_id; if there is none, *ret_key is where it would be put.
 */
static bool find_place(const struct source_names *names, const char *name, uint32_t line,
		       uint64_t *ret_key, uint32_t *ret_id)
{
	const struct definition *definition;

	for (*ret_key = place_key(name, line); hash_table_get(&names->by_place, *ret_key, ret_id);
	     ++*ret_key) {
		definition = &names->definitions.list[*ret_id];
		if (definition->line == line && !strcmp(name_of(names, definition), name))
			return true;
	}
	return false;
}

static void index_definitions(struct source_names *names)
{
	for (uint32_t id = 0; id < names->definitions.count; id++) {
		const struct definition *definition = &names->definitions.list[id];
		uint32_t ignored;
		uint64_t key;

		if (definition->kind == DEFINITION_NONE)
			continue;
		if (!find_place(names, name_of(names, definition), definition->line, &key,
				&ignored))
			hash_table_put(&names->by_place, key, id);
	}
}

struct source_names *source_names_parse(const char *bytes, size_t size, unsigned int python_minor)
{
	struct source_names *names = xcalloc(1, sizeof(*names));
	struct source_text text = source_text_decode(bytes, size);

	names->definitions = source_definitions_of(text.text, text.size, python_minor);
	names->qualified = xcalloc(names->definitions.count + 1, sizeof(*names->qualified));
	source_text_clear(&text);
	index_definitions(names);
	return names;
}

/* The scope whose qualified name comes first, NO_DEFINITION: none does. */
static uint32_t prefix_of(const struct source_names *names, uint32_t id)
{
	const struct definition *list = names->definitions.list;

	if (list[id].is_global)
		return NO_DEFINITION;
	do
		id = list[id].parent;
	while (id != NO_DEFINITION && list[id].kind == DEFINITION_NONE);
	return id;
}

/* NULL: too long. Recursion is as deep as the frames of the parser. */
static const char *qualify(struct source_names *names, uint32_t id)
{
	const struct definition *definition = &names->definitions.list[id];
	const char *name = name_of(names, definition), *prefix, *locals = "";
	uint32_t parent = prefix_of(names, id);

	if (names->qualified[id])
		return names->qualified[id];
	if (parent == NO_DEFINITION)
		return strlen(name) > QUALIFIED_NAME_MAX_BYTES ? NULL : name;
	prefix = qualify(names, parent);
	if (names->definitions.list[parent].kind == DEFINITION_FUNCTION)
		locals = ".<locals>";
	if (!prefix ||
	    strlen(prefix) + strlen(locals) + 1 + strlen(name) > QUALIFIED_NAME_MAX_BYTES)
		return NULL;
	names->qualified[id] = xasprintf("%s%s.%s", prefix, locals, name);
	return names->qualified[id];
}

const char *source_names_find(struct source_names *names, const char *name, uint32_t first_line)
{
	uint64_t ignored;
	uint32_t id;

	if (!strcmp(name, "<module>"))
		return "<module>";
	if (!find_place(names, name, first_line, &ignored, &id))
		return NULL;
	return qualify(names, id);
}

void source_names_free(struct source_names *names)
{
	if (!names)
		return;
	for (size_t id = 0; id < names->definitions.count; id++)
		free(names->qualified[id]);
	free(names->qualified);
	hash_table_free(&names->by_place);
	source_definitions_clear(&names->definitions);
	free(names);
}

void source_names_freep(struct source_names **names)
{
	source_names_free(*names);
}

/* ---- files ---- */

static int check_file(int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	return status.st_size > SOURCE_MAX_BYTES ? -EFBIG : 0;
}

/* To the end, wherever it is now. */
static int read_all(int fd, char **ret_bytes, size_t *ret_size)
{
	_cleanup_(freep) char *bytes = NULL;
	size_t size = 0, capacity = 0;
	ssize_t count;

	do {
		bytes = array_reserve(bytes, &capacity, size + 65536, 1);
		count = pread(fd, bytes + size, capacity - size, (off_t)size);
		if (count < 0 && errno != EINTR)
			return -errno;
		size += count > 0 ? (size_t)count : 0;
		if (size > SOURCE_MAX_BYTES)
			return -EFBIG;
	} while (count);
	*ret_bytes = TAKE(bytes);
	*ret_size = size;
	return 0;
}

int source_names_read(int fd, unsigned int python_minor, struct source_names **ret_names)
{
	_cleanup_(freep) char *bytes = NULL;
	size_t size = 0;
	int err = check_file(fd);

	if (!err)
		err = read_all(fd, &bytes, &size);
	if (!err)
		*ret_names = source_names_parse(bytes, size, python_minor);
	return err;
}
