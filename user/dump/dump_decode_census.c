/* SPDX-License-Identifier: BSD-2-Clause */
/* Which Python objects processes had; see dump_take.h and docs/format.md. */
#include <errno.h>

#include "dump_format.h"
#include "dump_take.h"

int dump_decode_census(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t index = dump_take_id(from, profile->nr_processes);
		uint64_t time_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		struct census census;
		size_t size;
		const uint8_t *bytes = packed_cursor_counted(from, &size);

		if (from->is_bad || census_read(bytes, size, &census))
			return -EBADMSG;
		profile_set_census(profile, index, &census, time_ns);
	}
	return dump_result_of(from);
}
