/* SPDX-License-Identifier: BSD-2-Clause */
/* What a node has allocated, as values of which some are expected; of the encoder and the decoder.
 */
#ifndef MEMPROBE_DUMP_ALLOCS_H
#define MEMPROBE_DUMP_ALLOCS_H

/* As struct node_allocs has them. */
enum dump_allocs_value {
	ALLOCS_BYTES,
	ALLOCS_BLOCKS,
	ALLOCS_PEAK_MORE,
	ALLOCS_FINAL_MORE,
	ALLOCS_FINAL_BLOCKS_MORE,
	ALLOCS_TAKEN,	     /* less bytes: many paths free nothing */
	ALLOCS_TAKEN_BLOCKS, /* less blocks */
	ALLOCS_FREED_BLOCKS, /* less those that were taken and are not there */
	NR_ALLOCS_VALUES,
};

/* Of a process, in TAG_ALLOCATORS. */
#define DUMP_HAS_ALLOCS 1U

#endif
