/* SPDX-License-Identifier: BSD-2-Clause */
/* Censuses of processes as sections; see dump_section.h and docs/format.md. */
#include "dump_section.h"

#include "memory.h"

/* A process changes with each flush, its census only when another is taken. */
static uint32_t nr_written(const struct dump_encoder *encoder, size_t index)
{
	return index < encoder->marks->nr_processes ? encoder->marks->processes[index].nr_censuses
						    : 0;
}

void dump_encode_censuses(struct dump_encoder *encoder)
{
	for (size_t i = 0; i < encoder->profile->nr_processes; i++) {
		const struct process *process = &encoder->profile->processes[i];
		_cleanup_(packed_bytes_free) struct packed_bytes bytes = { 0 };
		struct packed_bytes *to;
		size_t before;

		if (!process->census || nr_written(encoder, i) == process->nr_censuses)
			continue;
		census_write(process->census, &bytes);
		to = dump_section_for(encoder, TAG_CENSUS);
		before = to->size;
		packed_bytes_put_unsigned(to, i);
		packed_bytes_put_unsigned(to, process->census_ns);
		packed_bytes_put_counted(to, bytes.bytes, bytes.size);
		if (nr_written(encoder, i))
			encoder->superseding += to->size - before;
	}
}
