/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF side's nodes, where they lie: which have changed, their counts, and ids that are free
 * again. The array is mapped piece by piece as ids come into use, because all of what is mapped
 * counts as memory of memprobe; nothing is copied.
 */
#ifndef MEMPROBE_NODE_TABLE_H
#define MEMPROBE_NODE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <memprobe/wire.h>

struct loader;
struct node_table;

/* What a node has counted since this was asked last. */
struct node_gain {
	uint32_t grown[NR_KINDS], released[NR_KINDS]; /* pages */
	uint32_t calls;
};

typedef void node_table_visit(void *context, struct node_id id);

/* Borrows the loader. 0 or -errno. */
int node_table_new(struct loader *loader, struct node_table **ret);
void node_table_free(struct node_table *table);

/* The node of an id; it is the BPF side's memory. NULL: there is no such id, or no memory. */
struct wire_node *node_table_at(struct node_table *table, struct node_id id);
/* Calls `changed` for each node that has changed since the last time, by rising ids. */
void node_table_read(struct node_table *table, node_table_visit *changed, void *context);
/* Takes the counts away from a node. */
void node_table_take(struct wire_node *node, struct node_gain *ret);
/* The next reading visits this node again. */
void node_table_mark(struct node_table *table, struct node_id id);

/* The path of this id is in no table any more: another may get it. By rising ids it costs less. */
void node_table_release(struct node_table *table, struct node_id id);
/* Gives the BPF side what was released; what it has no room for now waits for the next time. */
void node_table_give_back(struct node_table *table);

#endif
