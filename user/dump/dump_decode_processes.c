/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes, their samples, threads and losses; see dump_take.h. */
#include <errno.h>

#include "dump_format.h"
#include "dump_take.h"
#include "profile_own.h"

_Static_assert(DUMP_MAX_PROCESSES == PROFILE_MAX_PROCESSES, "a capture keeps to it");

static void take_by_kind(struct packed_cursor *from, int64_t ret[NR_KINDS])
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		ret[kind] = packed_cursor_signed(from, DUMP_MAX_AMOUNT);
}

static void take_process(struct packed_cursor *from, size_t nr_strings, struct process *ret)
{
	ret->pid = (uint32_t)packed_cursor_unsigned(from, UINT32_MAX);
	ret->ppid = (uint32_t)packed_cursor_unsigned(from, UINT32_MAX);
	ret->command = dump_take_id(from, nr_strings);
	ret->python = dump_take_id(from, nr_strings);
	ret->begin = dump_take_id(from, BEGAN_ATTACH + 1);
	ret->end = dump_take_id(from, END_EXEC + 1);
	ret->exit_code = dump_take_int32(from);
	ret->exit_signal = (int32_t)packed_cursor_unsigned(from, DUMP_MAX_SIGNAL);
	ret->start_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);
	ret->end_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);
	take_by_kind(from, ret->opening);
	take_by_kind(from, ret->books);
	take_by_kind(from, ret->kernel);
	ret->peak = packed_cursor_signed(from, DUMP_MAX_AMOUNT);
	ret->calls_method = dump_take_id(from, CALLS_BY_UPROBE + 1);
	ret->calls_seen = dump_take_id(from, NR_CALLS_SEEN);
	ret->calls_reason = dump_take_id(from, nr_strings);
}

/* Absolute: the first record of a process adds it, another one replaces what it holds. */
int dump_decode_processes(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t index = dump_take_id(from, profile->nr_processes + 1);

		if (from->is_bad)
			return -EBADMSG;
		if (index >= DUMP_MAX_PROCESSES)
			return -EFBIG;
		if (index == profile->nr_processes)
			profile_add_process(profile);
		take_process(from, profile->strings.count, &profile->processes[index]);
	}
	return dump_result_of(from);
}

/* Absolute, as processes. */
int dump_decode_shares(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t index = dump_take_id(from, profile->nr_processes);
		struct shares shares = { .time_ns = packed_cursor_unsigned(from,
									   DUMP_MAX_TIME_NS) };

		shares.rss = packed_cursor_signed(from, DUMP_MAX_AMOUNT);
		shares.pss = packed_cursor_signed(from, DUMP_MAX_AMOUNT);
		shares.uss = packed_cursor_signed(from, DUMP_MAX_AMOUNT);
		if (from->is_bad)
			return -EBADMSG;
		profile->processes[index].shares = shares;
	}
	return dump_result_of(from);
}

/* Absolute, as processes. */
int dump_decode_sources(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t index = dump_take_id(from, profile->nr_processes);
		uint32_t sources = dump_take_id(from, SOURCES_MIXED + 1);
		uint64_t program_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);

		if (from->is_bad)
			return -EBADMSG;
		profile->processes[index].sources = sources;
		profile->processes[index].program_ns = program_ns;
	}
	return dump_result_of(from);
}

/* Each is of the processes from one on. */
int dump_decode_captures(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;
	uint32_t least = 0;

	if (profile->nr_captures)
		return -EBADMSG;
	while (packed_cursor_has_more(from)) {
		uint32_t index = dump_take_id(from, profile->nr_processes);
		uint64_t duration_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);

		if (from->is_bad || index < least || (!least && index))
			return -EBADMSG;
		profile->processes[index].capture = (uint32_t)profile->nr_captures;
		profile_add_capture(profile, duration_ns);
		least = index + 1;
	}
	for (size_t i = 1; i < profile->nr_processes; i++) {
		if (!profile->processes[i].capture)
			profile->processes[i].capture = profile->processes[i - 1].capture;
	}
	return dump_result_of(from);
}

/* Samples go on where those of the process ended, or begin anew: they were thinned. */
static int decode_run(struct profile *profile, struct packed_cursor *from)
{
	uint32_t index = dump_take_id(from, profile->nr_processes);
	uint64_t first = packed_cursor_unsigned(from, MAX_READ_SAMPLES);
	uint64_t count = packed_cursor_unsigned(from, MAX_READ_SAMPLES), time = 0;
	struct process *process;
	int64_t rss = 0;

	if (from->is_bad || first + count > MAX_READ_SAMPLES)
		return -EBADMSG;
	process = &profile->processes[index];
	if (first && first != process->nr_samples)
		return -EBADMSG;
	if (first) {
		time = process->samples[first - 1].time_ns;
		rss = process->samples[first - 1].rss;
	}
	process->nr_samples = first;
	for (uint64_t i = 0; i < count; i++) {
		time += packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		rss += packed_cursor_signed(from, 2 * DUMP_MAX_AMOUNT);
		if (from->is_bad || time > DUMP_MAX_TIME_NS || rss < -DUMP_MAX_AMOUNT ||
		    rss > DUMP_MAX_AMOUNT)
			return -EBADMSG;
		profile_append_sample(process, (struct sample){ time, rss });
	}
	return 0;
}

int dump_decode_samples(struct dump_decoder *decoder, struct packed_cursor *from)
{
	int err = 0;

	while (!err && packed_cursor_has_more(from))
		err = decode_run(decoder->profile, from);
	return err;
}

/* Absolute, as processes. */
int dump_decode_threads(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t index = dump_take_id(from, profile->nr_processes), number;
		struct process *process;
		struct thread thread = { 0 };

		if (from->is_bad)
			return -EBADMSG;
		process = &profile->processes[index];
		number = dump_take_id(from, process->nr_threads + 1);
		thread.tid = (uint32_t)packed_cursor_unsigned(from, UINT32_MAX);
		thread.name = dump_take_id(from, profile->strings.count);
		thread.growth = packed_cursor_signed(from, DUMP_MAX_AMOUNT);
		thread.start_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		thread.end_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		if (from->is_bad)
			return -EBADMSG;
		if (number >= DUMP_MAX_THREADS)
			return -EFBIG;
		if (number == process->nr_threads)
			profile_append_thread(profile, index, &thread);
		else
			process->threads[number] = thread;
	}
	return dump_result_of(from);
}

int dump_decode_losses(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t owner = dump_take_id(from, profile->nr_processes + 1);
		uint32_t loss = dump_take_id(from, NR_LOSSES);
		struct loss_count count = { 0 }, *losses;

		count.events = packed_cursor_unsigned(from, DUMP_MAX_AMOUNT);
		count.bytes = packed_cursor_unsigned(from, DUMP_MAX_AMOUNT);
		if (from->is_bad)
			return -EBADMSG;
		losses = owner ? profile->processes[owner - 1].losses : profile->losses;
		losses[loss] = count;
	}
	return dump_result_of(from);
}

/* Part of a loss that is there: the writer puts both into one block. */
int dump_decode_losses_released(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t owner = dump_take_id(from, profile->nr_processes + 1);
		uint32_t loss = dump_take_id(from, NR_LOSSES);
		uint64_t released = packed_cursor_unsigned(from, DUMP_MAX_AMOUNT);
		struct loss_count *count;

		if (from->is_bad)
			return -EBADMSG;
		count = owner ? &profile->processes[owner - 1].losses[loss]
			      : &profile->losses[loss];
		if (released > count->bytes)
			return -EBADMSG;
		count->released = released;
	}
	return dump_result_of(from);
}
