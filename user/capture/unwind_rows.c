/* SPDX-License-Identifier: BSD-2-Clause */
/* See unwind_rows.h. */
#include "unwind_rows.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hash_table.h"
#include "memory.h"

struct unwind_rows {
	struct loader *loader;
	struct wire_unwind_row *mapped;
	size_t mapped_bytes;
	uint32_t nr_rows, max_rows;
	int rules, files;	    /* fds of maps */
	struct hash_table rule_ids; /* a rule's bits to its index */
	uint32_t nr_rules;
};

/* The first rule leads nowhere. */
static int begin_rules(struct unwind_rows *rows)
{
	const struct wire_unwind_rule none = { .cfa = UNWIND_CFA_NONE };
	const uint32_t zero = 0;

	rows->nr_rules = 1;
	return bpf_map_update_elem(rows->rules, &zero, &none, BPF_ANY) ? -errno : 0;
}

struct unwind_rows *unwind_rows_new(struct loader *loader)
{
	struct unwind_rows *rows = xcalloc(1, sizeof(*rows));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	rows->loader = loader;
	rows->rules = loader_map(loader, "unwind_rules");
	rows->files = loader_map(loader, "unwind_files");
	rows->max_rows = loader_unwind_rows(loader);
	rows->mapped_bytes = (rows->max_rows * sizeof(*rows->mapped) + page - 1) / page * page;
	rows->mapped = mmap(NULL, rows->mapped_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			    loader_map(loader, "unwind_rows"), 0);
	if (rows->mapped == MAP_FAILED || begin_rules(rows)) {
		unwind_rows_free(rows);
		return NULL;
	}
	return rows;
}

void unwind_rows_free(struct unwind_rows *rows)
{
	if (!rows)
		return;
	if (rows->mapped != MAP_FAILED)
		munmap(rows->mapped, rows->mapped_bytes);
	hash_table_free(&rows->rule_ids);
	free(rows);
}

static uint64_t bits_of(const struct wire_unwind_rule *rule)
{
	uint64_t bits;

	_Static_assert(sizeof(*rule) == sizeof(bits), "a rule is its own key");
	memcpy(&bits, rule, sizeof(bits));
	return bits;
}

/* The index of a rule among those of all files; 0, which leads nowhere, where there is no room. */
static uint32_t share_rule(struct unwind_rows *rows, const struct wire_unwind_rule *rule)
{
	uint32_t index;

	if (rule->cfa == UNWIND_CFA_NONE)
		return 0;
	if (hash_table_get(&rows->rule_ids, bits_of(rule), &index))
		return index;
	index = rows->nr_rules;
	if (index >= UNWIND_MAX_RULES || bpf_map_update_elem(rows->rules, &index, rule, BPF_ANY))
		return 0;
	hash_table_put(&rows->rule_ids, bits_of(rule), index);
	rows->nr_rules++;
	return index;
}

int unwind_rows_add(struct unwind_rows *rows, const struct wire_file *file,
		    const struct unwind_table *table, uint32_t number)
{
	const struct wire_unwind_file known = {
		.first = rows->nr_rows,
		.count = (uint32_t)table->nr_rows,
		.number = number,
	};
	const uint32_t mask = UNWIND_MAX_RULES - 1;
	_cleanup_(freep) uint32_t *shared = NULL;

	if (table->nr_rows > rows->max_rows - rows->nr_rows)
		return -ENOSPC;
	shared = xcalloc(table->nr_rules ? table->nr_rules : 1, sizeof(*shared));
	for (size_t i = 0; i < table->nr_rules; i++)
		shared[i] = share_rule(rows, &table->rules[i]);
	for (size_t i = 0; i < table->nr_rows; i++) {
		struct wire_unwind_row row = table->rows[i];

		row.rule = (row.rule & ~mask) | shared[row.rule & mask];
		rows->mapped[rows->nr_rows + i] = row;
	}
	if (bpf_map_update_elem(rows->files, file, &known, BPF_ANY))
		return -errno;
	rows->nr_rows += known.count;
	loader_note_unwind_change(rows->loader);
	return 0;
}

void unwind_rows_forget(struct unwind_rows *rows, const struct wire_file *file)
{
	bpf_map_delete_elem(rows->files, file);
	loader_note_unwind_change(rows->loader);
}
