/* SPDX-License-Identifier: BSD-2-Clause */
/* The BPF side's nodes in memory; see node_table.h. */
#include "node_table.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "grace_period.h"
#include "loader.h"
#include "memory.h"

#define WINDOW_NODES 1024 /* 64 KiB, a multiple of a page */
#define MARKS_OF_WORD sizeof(uint64_t)

struct node_table {
	struct loader *loader;
	int nodes_fd;
	uint32_t nr_ids, nr_windows;
	uint8_t *marks;		    /* one a node */
	uint64_t *taken;	    /* those that are being read; else all 0 */
	struct wire_node **windows; /* NULL: not mapped yet */
	struct wire_id_run *free_runs;
	size_t nr_free_runs, free_capacity;
};

static size_t marks_bytes(const struct node_table *table)
{
	return table->nr_ids;
}

int node_table_new(struct loader *loader, struct node_table **ret)
{
	struct node_table *table = xcalloc(1, sizeof(*table));
	void *marks;

	table->loader = loader;
	table->nr_ids = loader_nr_ids(loader);
	table->nr_windows = (table->nr_ids + WINDOW_NODES - 1) / WINDOW_NODES;
	table->nodes_fd = loader_map(loader, "nodes");
	marks = mmap(NULL, marks_bytes(table), PROT_READ | PROT_WRITE, MAP_SHARED,
		     loader_map(loader, "changed_nodes"), 0);
	if (marks == MAP_FAILED) {
		free(table);
		return -errno;
	}
	table->marks = marks;
	table->taken = xcalloc(table->nr_ids / MARKS_OF_WORD + 1, sizeof(*table->taken));
	table->windows = xcalloc(table->nr_windows, sizeof(struct wire_node *));
	*ret = table;
	return 0;
}

static uint32_t window_nodes(const struct node_table *table, uint32_t window)
{
	uint32_t left = table->nr_ids - window * WINDOW_NODES;

	return left < WINDOW_NODES ? left : WINDOW_NODES;
}

void node_table_free(struct node_table *table)
{
	if (!table)
		return;
	for (uint32_t i = 0; i < table->nr_windows; i++) {
		if (table->windows[i])
			munmap(table->windows[i],
			       window_nodes(table, i) * sizeof(struct wire_node));
	}
	munmap(table->marks, marks_bytes(table));
	free(table->windows);
	free(table->taken);
	free(table->free_runs);
	free(table);
}

struct wire_node *node_table_at(struct node_table *table, struct node_id id)
{
	uint32_t window = id.value / WINDOW_NODES;
	void *mapped;

	if (!id.value || id.value >= table->nr_ids)
		return NULL;
	if (!table->windows[window]) {
		mapped = mmap(NULL, window_nodes(table, window) * sizeof(struct wire_node),
			      PROT_READ | PROT_WRITE, MAP_SHARED, table->nodes_fd,
			      (off_t)window * WINDOW_NODES * (off_t)sizeof(struct wire_node));
		if (mapped == MAP_FAILED)
			return NULL;
		table->windows[window] = mapped;
	}
	return &table->windows[window][id.value % WINDOW_NODES];
}

/* Returns whether there are any. */
static bool take_marks(struct node_table *table)
{
	bool are_any = false;

	for (uint32_t first = 0; first < table->nr_ids; first += MARKS_OF_WORD) {
		uint64_t *word = (uint64_t *)&table->marks[first];

		if (!__atomic_load_n(word, __ATOMIC_RELAXED))
			continue;
		table->taken[first / MARKS_OF_WORD] = __atomic_exchange_n(word, 0,
									  __ATOMIC_SEQ_CST);
		are_any = true;
	}
	return are_any;
}

/* Until whoever made or saw one of the marks that were taken has done its addition, before that. */
static void wait_for_additions(void)
{
#ifndef __x86_64__
	grace_period_wait();
#endif
}

/* The marks go before the nodes are read, as mark_changed (bpf/node_ids.h) relies on. */
void node_table_read(struct node_table *table, node_table_visit *changed, void *context)
{
	if (!take_marks(table))
		return;
	wait_for_additions();
	for (uint32_t first = 0; first < table->nr_ids; first += MARKS_OF_WORD) {
		uint64_t *marks = &table->taken[first / MARKS_OF_WORD];

		if (!*marks)
			continue;
		for (uint32_t i = 0; i < MARKS_OF_WORD; i++) {
			if (((const uint8_t *)marks)[i])
				changed(context, (struct node_id){ first + i });
		}
		*marks = 0;
	}
}

/* Both sides change a count with locked instructions only: what is added meanwhile stays. */
static uint32_t take_count(uint32_t *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED)
		       ? __atomic_exchange_n(count, 0, __ATOMIC_SEQ_CST)
		       : 0;
}

void node_table_take(struct wire_node *node, struct node_gain *ret)
{
	for (int kind = 0; kind < NR_KINDS; kind++) {
		ret->grown[kind] = take_count(&node->grown[kind]);
		ret->released[kind] = take_count(&node->released[kind]);
	}
	ret->calls = take_count(&node->calls);
}

void node_table_mark(struct node_table *table, struct node_id id)
{
	__atomic_store_n(&table->marks[id.value], 1, __ATOMIC_SEQ_CST);
}

static void add_free_run(struct node_table *table, struct node_id id)
{
	struct wire_id_run *last = table->nr_free_runs ? &table->free_runs[table->nr_free_runs - 1]
						       : NULL;

	if (last && last->first.value + last->count == id.value &&
	    last->count < loader_id_run(table->loader)) {
		last->count++;
		return;
	}
	table->free_runs = array_reserve(table->free_runs, &table->free_capacity,
					 table->nr_free_runs + 1, sizeof(*table->free_runs));
	table->free_runs[table->nr_free_runs++] = (struct wire_id_run){ .first = id, .count = 1 };
}

/* The key goes first: find_node (bpf/node_ids.h) does not believe an id without it. */
void node_table_release(struct node_table *table, struct node_id id)
{
	struct wire_node *node = node_table_at(table, id);

	if (!node)
		return;
	__atomic_store_n(&node->key, 0, __ATOMIC_SEQ_CST);
	*node = (struct wire_node){ 0 };
	__atomic_store_n(&table->marks[id.value], 0, __ATOMIC_SEQ_CST);
	add_free_run(table, id);
}

void node_table_give_back(struct node_table *table)
{
	while (table->nr_free_runs) {
		const struct wire_id_run *run = &table->free_runs[table->nr_free_runs - 1];

		if (loader_free_ids(table->loader, run->first.value, run->count))
			return;
		table->nr_free_runs--;
	}
}
