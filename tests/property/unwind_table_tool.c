/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unwind_table.h for unwind_tables.py: the rows of a file, one a line:
 *
 *     OFFSET BEGIN CFA CFA_OFFSET RBP RBP_OFFSET
 *
 * BEGIN is where the row's function begins; CFA and RBP are numbers of enum unwind_cfa, unwind_rbp.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "unwind_table.h"

static void put_row(const struct unwind_table *table, size_t index)
{
	uint32_t back = table->rows[index].rule >> UNWIND_RULE_BITS;
	uint32_t number = table->rows[index].rule & (UNWIND_MAX_RULES - 1);
	const struct wire_unwind_rule *rule = &table->rules[number];

	printf("%" PRIu32 " %" PRIu32 " %d %" PRId32 " %d %d\n", table->rows[index].offset,
	       table->rows[index - back].offset, rule->cfa, rule->cfa_offset, rule->rbp,
	       rule->rbp_offset);
}

int main(int argc, char **argv)
{
	_cleanup_(unwind_table_clear) struct unwind_table table = { 0 };
	_cleanup_(closep) int fd = open(argc > 1 ? argv[1] : "", O_RDONLY | O_CLOEXEC);
	int error = fd < 0 ? -errno : unwind_table_read(fd, &table);

	if (!error && !unwind_table_is_sane(&table))
		error = -EBADMSG;
	if (error) {
		fprintf(stderr, "unwind_table_tool: %s\n", strerror(-error));
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < table.nr_rows; i++)
		put_row(&table, i);
	return EXIT_SUCCESS;
}
