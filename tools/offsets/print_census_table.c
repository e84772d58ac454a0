/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints what user/census/census_layout has for one version, sorted out by check_census.sh:
 *   print_census_table VERSION      (0x30b for 3.11)
 */
#include <stdio.h>
#include <stdlib.h>

#include "census_layout.h"

int main(int argc, char **argv)
{
	struct census_layout layout;

	if (census_layout_find((uint16_t)strtoul(argc == 2 ? argv[1] : "0", NULL, 16), &layout))
		return 1;
#define FIELD(name, ...) printf("%s %u\n", #name, layout.name);
#include "census_layout.def"
#undef FIELD
	return 0;
}
