/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes, their samples, threads and losses as sections; see dump_section.h. */
#include <string.h>

#include "dump_allocs.h"
#include "dump_section.h"
#include "profile_own.h"

static void put_by_kind(struct packed_bytes *to, const int64_t by_kind[NR_KINDS])
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		packed_bytes_put_signed(to, by_kind[kind]);
}

/* What stands of a process in sections of one tag. */
struct process_record {
	enum dump_tag tag;
	bool (*is_there)(const struct process *process); /* NULL: always */
	void (*put)(struct dump_encoder *encoder, size_t index, const struct process *process);
};

/* Of each process that has changed; what the file has of it is superseded. */
static void encode_changed(struct dump_encoder *encoder, const struct process_record *record)
{
	for (size_t i = 0; i < encoder->profile->nr_processes; i++) {
		const struct process *process = &encoder->profile->processes[i];
		struct packed_bytes *to;
		size_t before;

		if (!dump_marks_has_changed(encoder->marks, encoder->profile, i) ||
		    (record->is_there && !record->is_there(process)))
			continue;
		to = dump_section_for(encoder, record->tag);
		before = to->size;
		record->put(encoder, i, process);
		if (i < encoder->marks->nr_processes)
			encoder->superseding += to->size - before;
	}
}

static void put_process(struct dump_encoder *encoder, size_t index, const struct process *process)
{
	struct packed_bytes *to = &encoder->section;

	packed_bytes_put_unsigned(to, index);
	packed_bytes_put_unsigned(to, process->pid);
	packed_bytes_put_unsigned(to, process->ppid);
	dump_section_put_string(encoder, process->command);
	dump_section_put_string(encoder, process->python);
	packed_bytes_put_unsigned(to, process->begin);
	packed_bytes_put_unsigned(to, process->end);
	packed_bytes_put_signed(to, process->exit_code);
	packed_bytes_put_unsigned(to, (uint32_t)process->exit_signal);
	packed_bytes_put_unsigned(to, process->start_ns);
	packed_bytes_put_unsigned(to, process->end_ns);
	put_by_kind(to, process->opening);
	put_by_kind(to, process->books);
	put_by_kind(to, process->kernel);
	packed_bytes_put_signed(to, process->peak);
	packed_bytes_put_unsigned(to, process->calls_method);
	packed_bytes_put_unsigned(to, process_calls_seen(process));
	dump_section_put_string(encoder, process_calls_reason(process));
}

void dump_encode_processes(struct dump_encoder *encoder)
{
	static const struct process_record record = { .tag = TAG_PROCESSES, .put = put_process };

	encode_changed(encoder, &record);
}

static void put_pages(struct packed_bytes *to, const int64_t by_kind[NR_KINDS])
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		packed_bytes_put_signed(to, by_kind[kind] / DUMP_PAGE_BYTES);
}

static void put_owners(struct dump_encoder *encoder, size_t index, const struct process *process)
{
	struct packed_bytes *to = &encoder->section;

	packed_bytes_put_unsigned(to, index);
	packed_bytes_put_unsigned(to, (process->has_owners ? DUMP_HAS_OWNERS : 0) |
					      (process->has_unshared ? DUMP_HAS_UNSHARED : 0) |
					      (process->has_mapped ? DUMP_HAS_MAPPED : 0));
	packed_bytes_put_unsigned(to, process->unshared_late_ns);
	packed_bytes_put_unsigned(to, process->peak_time_ns);
	packed_bytes_put_unsigned(to, process->peak_moment);
	packed_bytes_put_unsigned(to, process->final_moment);
	put_pages(to, process->live);
	put_pages(to, process->peak_held);
}

void dump_encode_owners(struct dump_encoder *encoder)
{
	static const struct process_record record = { .tag = TAG_OWNERS, .put = put_owners };

	encode_changed(encoder, &record);
}

static bool has_allocs(const struct process *process)
{
	return process->has_allocs;
}

static void put_allocator(struct dump_encoder *encoder, size_t index, const struct process *process)
{
	struct packed_bytes *to = &encoder->section;

	packed_bytes_put_unsigned(to, index);
	packed_bytes_put_unsigned(to, DUMP_HAS_ALLOCS);
	packed_bytes_put_unsigned(to, process->allocs_since_ns);
	packed_bytes_put_unsigned(to, process->alloc_moment);
	packed_bytes_put_signed(to, process->alloc_end);
	packed_bytes_put_signed(to, process->alloc_peak);
	packed_bytes_put_unsigned(to, process->unknown_frees);
}

void dump_encode_allocators(struct dump_encoder *encoder)
{
	static const struct process_record record = { .tag = TAG_ALLOCATORS,
						      .is_there = has_allocs,
						      .put = put_allocator };

	encode_changed(encoder, &record);
}

static bool has_shares(const struct process *process)
{
	return process->shares.rss;
}

static void put_shares(struct dump_encoder *encoder, size_t index, const struct process *process)
{
	struct packed_bytes *to = &encoder->section;

	packed_bytes_put_unsigned(to, index);
	packed_bytes_put_unsigned(to, process->shares.time_ns);
	packed_bytes_put_signed(to, process->shares.rss);
	packed_bytes_put_signed(to, process->shares.pss);
	packed_bytes_put_signed(to, process->shares.uss);
}

void dump_encode_shares(struct dump_encoder *encoder)
{
	static const struct process_record record = { .tag = TAG_SHARES,
						      .is_there = has_shares,
						      .put = put_shares };

	encode_changed(encoder, &record);
}

static bool has_sources(const struct process *process)
{
	return process->sources != SOURCES_UNKNOWN;
}

static void put_sources(struct dump_encoder *encoder, size_t index, const struct process *process)
{
	packed_bytes_put_unsigned(&encoder->section, index);
	packed_bytes_put_unsigned(&encoder->section, process->sources);
	packed_bytes_put_unsigned(&encoder->section, process->program_ns);
}

void dump_encode_sources(struct dump_encoder *encoder)
{
	static const struct process_record record = { .tag = TAG_SOURCES,
						      .is_there = has_sources,
						      .put = put_sources };

	encode_changed(encoder, &record);
}

/* Those of what was put together before any of it was written: a capture has none. */
void dump_encode_captures(struct dump_encoder *encoder)
{
	const struct profile *profile = encoder->profile;

	for (size_t i = 0; i < profile->nr_processes && profile->nr_captures; i++) {
		const struct process *process = &profile->processes[i];
		struct packed_bytes *to;

		if (encoder->marks->nr_processes || (i && process[-1].capture == process->capture))
			continue;
		to = dump_section_for(encoder, TAG_CAPTURES);
		packed_bytes_put_unsigned(to, i);
		packed_bytes_put_unsigned(to, profile_captured_ns(profile, process));
	}
}

static bool has_inside(const struct process *process)
{
	return process->has_inside;
}

/* As many amounts as there are, so that later versions may have more. */
static void put_inside(struct dump_encoder *encoder, size_t index, const struct process *process)
{
	struct packed_bytes *to = &encoder->section;
	struct heap_inside inside = process->inside;

	packed_bytes_put_unsigned(to, index);
	packed_bytes_put_unsigned(to, process->inside_ns);
	packed_bytes_put_unsigned(to, inside.malloc_state);
	packed_bytes_put_unsigned(to, inside.pymalloc_state);
	packed_bytes_put_unsigned(to, inside.mimalloc_state);
	packed_bytes_put_counted(to, inside.malloc_name, strlen(inside.malloc_name));
	packed_bytes_put_unsigned(to, inside.nr_arenas);
	packed_bytes_put_unsigned(to, heap_amounts_count());
	for (size_t i = 0; i < heap_amounts_count(); i++)
		packed_bytes_put_unsigned(to, *heap_amounts_at(&inside, i));
}

void dump_encode_inside(struct dump_encoder *encoder)
{
	static const struct process_record record = { .tag = TAG_INSIDE,
						      .is_there = has_inside,
						      .put = put_inside };

	encode_changed(encoder, &record);
}

/* What of a process is in the file. */
static const struct dump_process_marks *marks_of(const struct dump_encoder *encoder, size_t process)
{
	static const struct dump_process_marks nothing;

	return process < encoder->marks->nr_processes ? &encoder->marks->processes[process]
						      : &nothing;
}

static void encode_samples(struct dump_encoder *encoder, size_t index,
			   const struct dump_process_marks *marks)
{
	const struct process *process = &encoder->profile->processes[index];
	size_t first = process->nr_thinnings == marks->nr_thinnings ? marks->nr_samples : 0;
	const struct sample *before = first ? &process->samples[first - 1] : &(struct sample){ 0 };
	struct packed_bytes *to;
	size_t size_before;

	if (first >= process->nr_samples)
		return;
	to = dump_section_for(encoder, TAG_SAMPLES);
	size_before = to->size;
	packed_bytes_put_unsigned(to, index);
	packed_bytes_put_unsigned(to, first);
	packed_bytes_put_unsigned(to, process->nr_samples - first);
	for (size_t i = first; i < process->nr_samples; i++) {
		const struct sample *sample = &process->samples[i];

		packed_bytes_put_unsigned(to, sample->time_ns - before->time_ns);
		packed_bytes_put_signed(to, sample->rss - before->rss);
		before = sample;
	}
	if (marks->nr_samples && !first)
		encoder->superseding += to->size - size_before;
}

static void encode_threads(struct dump_encoder *encoder, size_t index,
			   const struct dump_process_marks *marks)
{
	const struct process *process = &encoder->profile->processes[index];

	for (size_t i = 0; i < process->nr_threads; i++) {
		const struct thread *thread = &process->threads[i];
		struct packed_bytes *to;
		size_t before;

		if (i < marks->nr_threads && marks->threads[i] == dump_digest_thread(thread))
			continue;
		to = dump_section_for(encoder, TAG_THREADS);
		before = to->size;
		packed_bytes_put_unsigned(to, index);
		packed_bytes_put_unsigned(to, i);
		packed_bytes_put_unsigned(to, thread->tid);
		dump_section_put_string(encoder, thread->name);
		packed_bytes_put_signed(to, thread->growth);
		packed_bytes_put_unsigned(to, thread->start_ns);
		packed_bytes_put_unsigned(to, thread->end_ns);
		if (i < marks->nr_threads)
			encoder->superseding += to->size - before;
	}
}

void dump_encode_series(struct dump_encoder *encoder)
{
	for (size_t i = 0; i < encoder->profile->nr_processes; i++) {
		if (dump_marks_has_changed(encoder->marks, encoder->profile, i))
			encode_samples(encoder, i, marks_of(encoder, i));
	}
	for (size_t i = 0; i < encoder->profile->nr_processes; i++) {
		if (dump_marks_has_changed(encoder->marks, encoder->profile, i))
			encode_threads(encoder, i, marks_of(encoder, i));
	}
}

/* Owner 0 is the profile, N + 1 process N. */
static void put_loss(struct dump_encoder *encoder, size_t owner, int loss,
		     const struct loss_count *count)
{
	struct packed_bytes *to = dump_section_for(encoder, TAG_LOSSES);

	packed_bytes_put_unsigned(to, owner);
	packed_bytes_put_unsigned(to, (unsigned int)loss);
	packed_bytes_put_unsigned(to, count->events);
	packed_bytes_put_unsigned(to, count->bytes);
	if (!count->released)
		return;
	to = dump_section_for(encoder, TAG_LOSSES_RELEASED);
	packed_bytes_put_unsigned(to, owner);
	packed_bytes_put_unsigned(to, (unsigned int)loss);
	packed_bytes_put_unsigned(to, count->released);
}

static void encode_losses_of(struct dump_encoder *encoder, size_t index)
{
	const struct loss_count *losses = encoder->profile->processes[index].losses;

	for (int loss = 0; loss < NR_LOSSES; loss++) {
		if (losses[loss].events || losses[loss].bytes)
			put_loss(encoder, index + 1, loss, &losses[loss]);
	}
}

void dump_encode_losses(struct dump_encoder *encoder)
{
	const struct profile *profile = encoder->profile;

	for (int loss = 0; loss < NR_LOSSES; loss++) {
		if (memcmp(&profile->losses[loss], &encoder->marks->losses[loss],
			   sizeof(profile->losses[loss])) != 0)
			put_loss(encoder, 0, loss, &profile->losses[loss]);
	}
	for (size_t i = 0; i < profile->nr_processes; i++) {
		if (dump_marks_has_changed(encoder->marks, profile, i))
			encode_losses_of(encoder, i);
	}
}
