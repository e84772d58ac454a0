/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What drain*.c ask of the kernel, played in memory: the loader, the BPF side's tables and its ring
 * buffer. A program that is linked with this needs neither a kernel with BPF nor libbpf. There is
 * one at a time.
 */
#ifndef MEMPROBE_FAKE_LOADER_H
#define MEMPROBE_FAKE_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fake_nodes.h"
#include "loader.h"

#define FAKE_CPUS 2
#define FAKE_REGION_BYTES 24

/* The tables are empty again. */
void fake_loader_reset(void);
/* Until then owners of pages are not followed. */
void fake_loader_without_owners(void);
/* Until then blocks of allocators are followed. */
void fake_loader_with_allocs(void);

/* Called whenever an entry of this map is looked up, before that; NULL: no more. */
void fake_loader_before_lookups(const char *map, void (*change)(void));

/* So many events the kernel has not handed over. */
void fake_loader_miss(uint64_t events, uint64_t of_tasks);

/* `map` is a name that loader_map() knows. A per-CPU value has FAKE_CPUS parts. */
void fake_loader_put(const char *map, const void *key, const void *value);
/* The same of a key that is not there, of which many are put. */
void fake_loader_append(const char *map, const void *key, const void *value);
size_t fake_loader_count(const char *map);

/* What the ring buffer will give at the next reading; a copy is made. */
void fake_loader_send(const void *record, size_t size);

/* What was told to the BPF side. */
struct fake_told {
	struct loader_removed removed;
	uint64_t slots_freed, standing_forgotten;
	uint32_t last_slot, look;
	bool are_nameless; /* objects */
};
struct fake_told fake_loader_told(void);

#endif
