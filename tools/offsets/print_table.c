/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints one column of user/target/offset_table.def as print_offsets.c prints the headers:
 *   print_table VERSION_HEX IS_FREE_THREADED
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "offset_table.h"

static void print(const char *member, unsigned int value)
{
	const char *dot = strchr(member, '.');

	printf("%s %u\n", dot ? dot + 1 : member, value);
}

int main(int argc, char **argv)
{
	struct offset_table table;

	if (argc != 3 ||
	    offset_table_find((uint32_t)strtoul(argv[1], NULL, 16), atoi(argv[2]) != 0, &table))
		return 1;
#define FIELD(name, ...) print(#name, table.name);
#include "offset_table.def"
#undef FIELD
	return 0;
}
