/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See drain_cells.h. IPython in a terminal has the number in the file's name, `<ipython-input-12-
 * 3e8a...>`. ipykernel's names are the hash of the text, so that one cell run twice is one file;
 * which number that has is read from the living kernel, once a file, while it runs the cell.
 */
#include "drain_cells.h"

#include <errno.h>
#include <string.h>

#include "hash_table.h"
#include "inspect_cells.h"
#include "memory.h"
#include "user_loss.h"

struct drain_cells {
	const struct drain_base *base;
	struct hash_table names; /* process and file to string */
};

struct drain_cells *drain_cells_new(const struct drain_base *base)
{
	struct drain_cells *cells = xcalloc(1, sizeof(*cells));

	cells->base = base;
	return cells;
}

void drain_cells_free(struct drain_cells *cells)
{
	if (!cells)
		return;
	hash_table_free(&cells->names);
	free(cells);
}

static const char digits[] = "0123456789";
#define MAX_DIGITS 9

/* The number of digits that a text begins with; 0: none, or more than a number has. */
static size_t count_digits(const char *text, size_t most)
{
	size_t count = strspn(text, digits);

	return count <= most ? count : 0;
}

/* `ipykernel_PID/HASH.py` behind the last but one slash. */
static bool is_kernel_file(const char *file)
{
	static const char folder[] = "/ipykernel_";
	const char *at = strstr(file, folder);
	size_t length;

	if (file[0] != '/' || !at)
		return false;
	at += strlen(folder);
	length = count_digits(at, MAX_DIGITS + 1);
	if (!length || at[length] != '/')
		return false;
	at += length + 1;
	length = count_digits(at, MAX_DIGITS + 2);
	return length && !strcmp(at + length, ".py");
}

/* The number in a name of IPython's own, 0: it is none. */
static uint32_t number_of_input(const char *file)
{
	static const char begin[] = "<ipython-input-";
	const char *at = file + strlen(begin);
	size_t length;

	if (strncmp(file, begin, strlen(begin)) != 0)
		return 0;
	length = count_digits(at, MAX_DIGITS);
	return length && at[length] == '-' ? (uint32_t)strtoul(at, NULL, 10) : 0;
}

static uint32_t ask(struct drain_cells *cells, uint32_t process, const char *file)
{
	struct profile *profile = cells->base->profile;
	uint32_t number = 0;
	int status = inspect_cell_number(cells->base->inspector,
					 (pid_t)profile->processes[process].pid, file, &number);

	if (inspector_is_blind(status))
		user_loss_add(profile, process, LOSS_name_unanswered, 1);
	return status ? 0 : number;
}

static uint32_t find_name(struct drain_cells *cells, uint32_t process, uint32_t file)
{
	struct string_pool *strings = &cells->base->profile->strings;
	const char *path = string_pool_get(strings, file);
	uint32_t number = number_of_input(path);
	_cleanup_(freep) char *name = NULL;

	if (!number && is_kernel_file(path))
		number = ask(cells, process, path);
	if (!number)
		return file;
	name = xasprintf("In [%u]", number);
	return string_pool_add(strings, name);
}

uint32_t drain_cells_name(struct drain_cells *cells, uint32_t process, uint32_t file)
{
	uint64_t key = (uint64_t)process << 32 | file;
	uint32_t name;

	if (!cells->base->inspector)
		return file;
	if (hash_table_get(&cells->names, key, &name))
		return name;
	name = find_name(cells, process, file);
	hash_table_put(&cells->names, key, name);
	return name;
}
