/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files that read sections share. A decoder of a section returns -EBADMSG or -EFBIG, as
 * dump_decode_section, or leaves in the cursor that something was bad.
 */
#ifndef MEMPROBE_DUMP_TAKE_H
#define MEMPROBE_DUMP_TAKE_H

#include "packed_bytes.h"
#include "dump_decode.h"
#include "profile.h"

#define DUMP_MAX_TAKEN_VALUES 14

/* What the cursor has found out so far. */
int dump_result_of(const struct packed_cursor *from);
/* The number of the first record of a section: the one after those that are there. */
int dump_take_first(struct packed_cursor *from, size_t count);
/* An id below count. */
uint32_t dump_take_id(struct packed_cursor *from, size_t count);
/* 0 for the next, which is counted up, else an id + 1; below count. */
uint32_t dump_take_new_or_known(struct packed_cursor *from, uint32_t *next, size_t count);
/* All 32 bits: a hostile target's first line may be INT32_MIN. */
int32_t dump_take_int32(struct packed_cursor *from);
/* How many records follow, each of so many bytes at least. */
uint32_t dump_take_count(struct packed_cursor *from, size_t least_bytes);

/* A row that was written in columns; `number` is the node's. */
struct dump_taken_row {
	uint32_t number, mask;
	int64_t values[DUMP_MAX_TAKEN_VALUES];
};

/* All rows of a section, whose values are at most `most` in absolute value; the caller frees them.
 * After an error, which the cursor tells, they are of no use. */
struct dump_taken_row *dump_take_rows(struct packed_cursor *from, size_t nr_nodes, int nr_values,
				      int64_t most, uint32_t *ret_count);

/* The next node; its time is not looked at further. */
int dump_add_node(struct dump_decoder *decoder, const struct node *node);

/* One a section; version 1's are dump_decode_old.c's. */
int dump_decode_texts(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_site_columns(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_coroutines(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_processes(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_new_objects(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_objects(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_tree(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_owners(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_held(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_heap(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_histories(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_allocators(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_allocs(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_alloc_histories(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_taken_histories(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_costs(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_shares(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_sources(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_captures(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_inside(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_census(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_samples(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_threads(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_losses(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_losses_released(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_call_runs(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_sighted(struct dump_decoder *decoder, struct packed_cursor *from);

int dump_decode_strings(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_sites(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_nodes(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_calls(struct dump_decoder *decoder, struct packed_cursor *from);
int dump_decode_sightings(struct dump_decoder *decoder, struct packed_cursor *from);

#endif
