/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * census_tool PID SECONDS MEGABYTES: the objects of a process, fields parted by tabs:
 *	type MODULE NAME OBJECTS BYTES BUFFER_BYTES TRACKED
 *	holder INDEX PARENT KIND NAME OBJECTS BYTES SHARED_BYTES
 *	largest TYPE BYTES HOLDER LOOK
 *	NAME VALUE
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "census_take.h"
#include "clock.h"

#define NS_PER_S 1e9

static void print_sums(const struct census *census)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "objects", census->objects },
		{ "bytes", census->bytes },
		{ "buffer_bytes", census->buffer_bytes },
		{ "tracked", census->tracked },
		{ "unreadable_objects", census->unreadable_objects },
		{ "unreadable_bytes", census->unreadable_bytes },
		{ "cut", census->cut },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		printf("%s\t%" PRIu64 "\n", rows[i].name, rows[i].value);
	if (census->refused != CENSUS_NONE)
		printf("refused\t%s\n", string_pool_get(&census->strings, census->refused));
}

static void print_rows(const struct census *census)
{
	const struct string_pool *strings = &census->strings;

	for (uint32_t i = 0; i < census->nr_types; i++) {
		const struct census_type *type = &census->types[i];

		printf("type\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n",
		       string_pool_get(strings, type->module), string_pool_get(strings, type->name),
		       type->objects, type->bytes, type->buffer_bytes, type->tracked);
	}
	for (uint32_t i = 0; i < census->nr_holders; i++) {
		const struct census_holder *holder = &census->holders[i];

		printf("holder\t%u\t%d\t%d\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", i,
		       (int)holder->parent, (int)holder->kind,
		       string_pool_get(strings, holder->name), holder->objects, holder->bytes,
		       holder->shared_bytes);
	}
	for (uint32_t i = 0; i < census->nr_largest; i++) {
		const struct census_object *object = &census->largest[i];

		printf("largest\t%s\t%" PRIu64 "\t%d\t%s\n",
		       object->type == CENSUS_NONE
			       ? ""
			       : string_pool_get(strings, census->types[object->type].name),
		       object->bytes, (int)object->holder, string_pool_get(strings, object->look));
	}
}

int main(int argc, char **argv)
{
	struct census_limits limits;
	struct census census = { 0 };
	struct rusage usage;
	int err;

	if (argc != 4)
		return 2;
	limits.budget_ns = (uint64_t)(strtod(argv[2], NULL) * NS_PER_S);
	limits.memory_bytes = strtoull(argv[3], NULL, 10) << 20;
	err = census_take((pid_t)strtol(argv[1], NULL, 10), &limits, &census);
	if (err) {
		fprintf(stderr, "census_tool: error %d\n", err);
		return 1;
	}
	print_sums(&census);
	print_rows(&census);
	getrusage(RUSAGE_SELF, &usage);
	printf("cpu_ms\t%ld\n", (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
					(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
	printf("peak_kb\t%ld\n", usage.ru_maxrss);
	return 0;
}
