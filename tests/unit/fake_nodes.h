/* SPDX-License-Identifier: BSD-2-Clause */
/* The BPF side's nodes, for fake_loader.h. */
#ifndef MEMPROBE_FAKE_NODES_H
#define MEMPROBE_FAKE_NODES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <memprobe/wire.h>

#define FAKE_IDS 4096 /* more than a window of node_table.c */
#define FAKE_ID_RUN 8
#define FAKE_FREE_RUNS 1024

void fake_nodes_reset(void);
int fake_nodes_fd(const char *map); /* -1: it is none of the nodes' */

/* As the BPF side lays a path down; a key is made up where there is none. */
void fake_nodes_put(uint32_t id, const struct wire_node *node);
/* As it counts on a node: the caller changes it, and marks it then. */
struct wire_node *fake_nodes_at(uint32_t id);
void fake_nodes_mark(uint32_t id);
bool fake_nodes_is_marked(uint32_t id);

/* Runs of ids that were given back, the last first. There is room for so many. */
void fake_nodes_limit_free_runs(size_t room);
bool fake_nodes_pop_free_run(struct wire_id_run *ret);

#endif
