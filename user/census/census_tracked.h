/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The objects that a collector's lists name. A list is walked by its links. Where it breaks, since
 * the process goes on, its memory is read anew; where the last object has left the list, it is
 * taken up at one before; and at last from its end backward: what lies between is not seen.
 */
#ifndef MEMPROBE_CENSUS_TRACKED_H
#define MEMPROBE_CENSUS_TRACKED_H

#include "census_class.h"
#include "census_table.h"

struct census_tracked {
	struct census_classes *classes;
	struct census_table *table;
	uint64_t max_bytes; /* of the table */
	uint64_t torn;	    /* lists of which a part was not seen */
	uint64_t nr_steps;
	bool is_cut; /* the table is full, or the time has run out */
};

/* Adds what the three generations at an address and the permanent one hold. false: they are no
 * lists at all. */
bool census_tracked_read(struct census_tracked *tracked, uint64_t generations);

/* How many of the generations there are heads of lists. */
unsigned int census_tracked_count_lists(struct census_reader *reader, uint64_t generations);

#endif
