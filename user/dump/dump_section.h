/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections while they are written, and what the files that write them share: one file for names,
 * one for nodes, one for processes. Their order is dump_encode's.
 */
#ifndef MEMPROBE_DUMP_SECTION_H
#define MEMPROBE_DUMP_SECTION_H

#include "dump_block.h"
#include "packed_bytes.h"
#include "dump_format.h"
#include "dump_marks.h"
#include "profile.h"

struct dump_encoder {
	struct dump_block *block;
	const struct profile *profile;
	const struct dump_marks *marks;
	enum dump_tag tag;
	struct packed_bytes section;
	uint64_t superseding;
	uint64_t last;	   /* what the next record's step in this section is counted from */
	uint64_t *changed; /* nodes that may have other amounts than the file: a bit each */
};

/* Where a record of this tag is to be put: in the section that is being written, while it is not
 * long, or in a new one. */
struct packed_bytes *dump_section_for(struct dump_encoder *encoder, enum dump_tag tag);
/* A new one in any case. */
struct packed_bytes *dump_section_begin(struct dump_encoder *encoder, enum dump_tag tag);
void dump_section_end(struct dump_encoder *encoder);

/* A number, counted from the one before in this section. */
void dump_section_put_step(struct dump_encoder *encoder, uint64_t value);
/* The number of a string in the file. */
void dump_section_put_string(struct dump_encoder *encoder, uint32_t string);

/* Numbers, that of the next thing being 0: things are numbered as they are first named. */
void dump_put_new_or_known(struct packed_bytes *to, uint32_t number, uint32_t *next);

/* What a row of a table is made of that is written in columns: values, most of them 0. */
#define DUMP_MAX_VALUES 14

struct dump_row {
	uint32_t number; /* of a node in the file */
	uint32_t mask;	 /* which values are not 0; dump_rows_add fills it in */
	int64_t values[DUMP_MAX_VALUES];
};

/* Rows that are collected for sections of one tag. The first two are the caller's; dump_rows_end
 * frees the rest. */
struct dump_rows {
	enum dump_tag tag;
	int nr_values;
	struct dump_row *rows;
	size_t count;
};

void dump_rows_add(struct dump_encoder *encoder, struct dump_rows *rows,
		   const struct dump_row *row);
void dump_rows_end(struct dump_encoder *encoder, struct dump_rows *rows);

/* Once, before the costs, calls and sightings of nodes are written. */
void dump_encode_find_changed(struct dump_encoder *encoder);
/* The number of the first node from `number` on that may have changed; the count of all when there
 * is none. */
size_t dump_encode_next_changed(const struct dump_encoder *encoder, size_t number);

/* In the order in which they are written. */
void dump_encode_strings(struct dump_encoder *encoder);
void dump_encode_sites(struct dump_encoder *encoder);
void dump_encode_coroutines(struct dump_encoder *encoder);
void dump_encode_processes(struct dump_encoder *encoder);
void dump_encode_objects(struct dump_encoder *encoder);
void dump_encode_nodes(struct dump_encoder *encoder);
void dump_encode_costs(struct dump_encoder *encoder);
void dump_encode_owners(struct dump_encoder *encoder);
void dump_encode_held(struct dump_encoder *encoder);
void dump_encode_allocators(struct dump_encoder *encoder);
void dump_encode_allocs(struct dump_encoder *encoder);
void dump_encode_shares(struct dump_encoder *encoder);
void dump_encode_sources(struct dump_encoder *encoder);
void dump_encode_captures(struct dump_encoder *encoder);
void dump_encode_inside(struct dump_encoder *encoder);
void dump_encode_censuses(struct dump_encoder *encoder);
void dump_encode_histories(struct dump_encoder *encoder);
void dump_encode_series(struct dump_encoder *encoder);
void dump_encode_losses(struct dump_encoder *encoder);
void dump_encode_calls(struct dump_encoder *encoder);
void dump_encode_sightings(struct dump_encoder *encoder);

#endif
