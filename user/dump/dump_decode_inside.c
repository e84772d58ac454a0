/* SPDX-License-Identifier: BSD-2-Clause */
/* What processes had inside their allocators; see dump_take.h and docs/format.md. */
#include <errno.h>
#include <string.h>

#include "dump_format.h"
#include "dump_take.h"

static void take_name(struct packed_cursor *from, char ret[HEAP_NAME_BYTES])
{
	size_t length;
	const char *name = packed_cursor_string(from, &length);

	if (length >= HEAP_NAME_BYTES)
		from->is_bad = true;
	else
		memcpy(ret, name, length);
}

/* A later version may have more amounts, which tell of what is not known here. */
static void take_amounts(struct packed_cursor *from, struct heap_inside *inside)
{
	uint32_t count = dump_take_count(from, 1);

	for (uint32_t i = 0; i < count && !from->is_bad; i++) {
		uint64_t amount = packed_cursor_unsigned(from, HEAP_MAX_BYTES);

		if (i < heap_amounts_count())
			*heap_amounts_at(inside, i) = amount;
	}
}

int dump_decode_inside(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t index = dump_take_id(from, profile->nr_processes);
		uint64_t time_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		struct heap_inside inside = {
			.malloc_state = dump_take_id(from, NR_HEAP_STATES),
			.pymalloc_state = dump_take_id(from, NR_HEAP_STATES),
			.mimalloc_state = dump_take_id(from, NR_HEAP_STATES),
		};
		struct process *process;

		take_name(from, inside.malloc_name);
		inside.nr_arenas = (uint32_t)packed_cursor_unsigned(from, UINT32_MAX);
		take_amounts(from, &inside);
		if (from->is_bad || !heap_amounts_are_sane(&inside))
			return -EBADMSG;
		process = &profile->processes[index];
		process->has_inside = true;
		process->inside_ns = time_ns;
		process->inside = inside;
	}
	return dump_result_of(from);
}
