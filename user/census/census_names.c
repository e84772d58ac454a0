/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of values; see census_names.h. */
#include "census_names.h"

#include "memory.h"
#include "python_string.h"

#define MAX_NAME 128
/* Keys that are data, of dicts that were taken for namespaces, have no end. */
#define MAX_NAMES 200000

void census_names_init(struct census_names *names, struct census_reader *reader,
		       struct string_pool *strings)
{
	*names = (struct census_names){ .reader = reader, .strings = strings };
}

void census_names_clear(struct census_names *names)
{
	hash_table_free(&names->ids);
}

uint32_t census_names_of(struct census_names *names, uint64_t string)
{
	_cleanup_(freep) char *text = NULL;
	uint32_t id = CENSUS_NO_NAME;

	if (!string || hash_table_get(&names->ids, string, &id))
		return id;
	if (names->ids.count >= MAX_NAMES || names->strings->count >= MAX_NAMES)
		return CENSUS_NO_NAME;
	if (!python_string_read(&names->reader->python, string, MAX_NAME, &text))
		id = string_pool_add(names->strings, text);
	hash_table_put(&names->ids, string, id);
	return id;
}

uint32_t census_names_join(struct census_names *names, uint32_t first, const char *between,
			   uint32_t second)
{
	_cleanup_(freep) char *text = NULL;

	if (names->strings->count >= MAX_NAMES)
		return first;
	text = xasprintf("%s%s%s", string_pool_get(names->strings, first), between,
			 string_pool_get(names->strings, second));
	return string_pool_add(names->strings, text);
}
