/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a process; see json_fields.h. */
#include "json_fields.h"

#include "memory.h"
#include "profile_allocs.h"
#include "profile_own.h"
#include "report_census.h"
#include "report_inside.h"

static const char *end_name(uint32_t end)
{
	static const char *const names[] = {
		[END_RUNNING] = "running",
		[END_EXIT] = "exit",
		[END_SIGNAL] = "signal",
		[END_EXEC] = "exec",
	};

	return names[end < ARRAY_SIZE(names) ? end : END_RUNNING];
}

static void write_exit(struct json_writer *json, const struct process *process)
{
	json_writer_key(json, "exit");
	if (process->end != END_EXIT && process->end != END_SIGNAL) {
		json_writer_null(json);
		return;
	}
	json_writer_begin_object(json);
	if (process->end == END_EXIT) {
		json_writer_member_integer(json, "code", process->exit_code);
		json_writer_member_null(json, "signal");
	} else {
		json_writer_member_null(json, "code");
		json_writer_member_integer(json, "signal", process->exit_signal);
	}
	json_writer_end_object(json);
}

static void write_identity(struct json_writer *json, const struct profile *profile,
			   const struct process *process)
{
	const char *python = profile_string(profile, process->python);

	json_writer_member_integer(json, "pid", process->pid);
	json_writer_member_integer(json, "ppid", process->ppid);
	json_writer_member_name(json, "command", profile_string(profile, process->command));
	json_writer_member_name(json, "python", *python ? python : NULL);
	json_writer_member_seconds(json, "start", process->start_ns);
	json_writer_member_seconds(json, "end", profile_end_ns(profile, process));
	json_writer_member_string(json, "end_reason", end_name(process->end));
	write_exit(json, process);
}

static void write_balance(struct json_writer *json, const struct calltree *tree)
{
	const struct process *process = &tree->profile->processes[tree->process];
	struct report_balance balance = report_balance(tree);

	json_writer_key(json, "rss");
	json_writer_begin_object(json);
	json_writer_member_integer(json, "start", balance.start);
	json_writer_member_integer(json, "end", balance.end);
	json_writer_member_integer(json, "peak", process->peak);
	if (process->has_owners)
		json_writer_member_integer(json, "live", rss_of(process->live));
	else
		json_writer_member_null(json, "live");
	json_writer_end_object(json);
	json_writer_key(json, "balance");
	json_writer_begin_object(json);
	json_writer_member_integer(json, "start", balance.start);
	json_writer_member_integer(json, "growth", balance.growth);
	json_writer_member_integer(json, "end", balance.end);
	json_writer_member_integer(json, "kernel_end", balance.kernel_end);
	json_writer_member_integer(json, "unexplained", balance.unexplained);
	json_writer_end_object(json);
}

/* By the kernel's page tables. */
static void write_shares(struct json_writer *json, const struct shares *shares)
{
	json_writer_key(json, "smaps");
	if (!shares->rss) {
		json_writer_null(json);
		return;
	}
	json_writer_begin_object(json);
	json_writer_member_seconds(json, "time", shares->time_ns);
	json_writer_member_integer(json, "rss", shares->rss);
	json_writer_member_integer(json, "pss", shares->pss);
	json_writer_member_integer(json, "uss", shares->uss);
	json_writer_end_object(json);
}

static void write_copies(struct json_writer *json, const struct process *process)
{
	json_writer_key(json, "unshared_late");
	if (process->has_unshared)
		json_writer_seconds(json, process->unshared_late_ns);
	else
		json_writer_null(json);
}

/* Blocks of its allocator: the sums of its nodes. */
static void write_allocs(struct json_writer *json, const struct process *process)
{
	json_writer_key(json, "allocs");
	if (!process->has_allocs) {
		json_writer_null(json);
		return;
	}
	json_writer_begin_object(json);
	json_writer_member_integer(json, "peak", process->alloc_peak);
	json_writer_member_integer(json, "end", process->alloc_end);
	json_writer_member_seconds(json, "since", process->allocs_since_ns);
	json_writer_key(json, "complete");
	json_writer_bool(json, allocs_are_whole(process));
	json_writer_member_integer(json, "unknown_frees", (int64_t)allocs_unknown_frees(process));
	json_writer_end_object(json);
}

static void write_objects_growth(struct json_writer *json, const struct process *process)
{
	struct census_diff diff;

	census_diff_make(process->census_before, process->census, &diff);
	json_writer_key(json, "objects_growth");
	json_writer_begin_object(json);
	report_census_diff_members(&diff, json);
	json_writer_end_object(json);
	census_diff_free(&diff);
}

/* Only who asks for a census has one. Of a difference both are known. */
static void write_objects(struct json_writer *json, const struct process *process)
{
	if (!process->census)
		return;
	if (process->census_before)
		write_objects_growth(json, process);
	json_writer_key(json, "objects");
	json_writer_begin_object(json);
	json_writer_member_seconds(json, "time", process->census_ns);
	report_census_members(process->census, json);
	json_writer_end_object(json);
}

/* Null where its allocators were not read. */
static void write_inside(struct json_writer *json, const struct process *process)
{
	json_writer_key(json, "inside");
	if (!process->has_inside) {
		json_writer_null(json);
		return;
	}
	json_writer_begin_object(json);
	json_writer_member_seconds(json, "time", process->inside_ns);
	report_inside_members(&process->inside, json);
	report_parts_members(&process->inside, process->census, json);
	json_writer_end_object(json);
}

void json_fields_losses(struct json_writer *json, const struct loss_count losses[NR_LOSSES])
{
	json_writer_key(json, "losses");
	json_writer_begin_array(json);
	for (int loss = 0; loss < NR_LOSSES; loss++) {
		if (!losses[loss].events && !losses[loss].bytes)
			continue;
		json_writer_begin_object(json);
		json_writer_member_string(json, "reason", loss_sentence(loss));
		json_writer_member_integer(json, "events", losses[loss].events);
		json_writer_member_integer(json, "bytes", losses[loss].bytes);
		json_writer_member_integer(json, "grown",
					   losses[loss].bytes - losses[loss].released);
		json_writer_member_integer(json, "released", losses[loss].released);
		json_writer_end_object(json);
	}
	json_writer_end_array(json);
}

static void write_calls(struct json_writer *json, const struct profile *profile,
			const struct process *process)
{
	static const char *const methods[] = {
		[CALLS_BY_NOTHING] = "none",
		[CALLS_BY_USDT] = "usdt",
		[CALLS_BY_UPROBE] = "uprobe",
	};
	bool is_counted = process->calls_method != CALLS_BY_NOTHING;

	json_writer_key(json, "calls");
	json_writer_begin_object(json);
	json_writer_member_string(json, "method", methods[process->calls_method]);
	json_writer_key(json, "complete");
	json_writer_bool(json, is_counted && process->calls_seen != CALLS_SEEN_SOME);
	json_writer_member_string(json, "reason", report_calls_reason(profile, process));
	json_writer_end_object(json);
}

static void write_sample(struct json_writer *json, struct sample sample)
{
	json_writer_begin_array(json);
	json_writer_seconds(json, sample.time_ns);
	json_writer_integer(json, sample.rss);
	json_writer_end_array(json);
}

/* The peak is exact to the page, and samples mostly miss it. */
static void write_samples(struct json_writer *json, const struct process *process)
{
	const struct sample peak = { process->peak_time_ns, process->peak };
	bool is_written = !peak.time_ns || !process->nr_samples;

	json_writer_key(json, "rss_series");
	json_writer_begin_array(json);
	for (size_t i = 0; i < process->nr_samples; i++) {
		const struct sample sample = process->samples[i];

		if (!is_written && peak.time_ns <= sample.time_ns) {
			write_sample(json, peak);
			is_written = true;
		}
		if (!peak.time_ns || sample.time_ns != peak.time_ns)
			write_sample(json, sample);
	}
	if (!is_written)
		write_sample(json, peak);
	json_writer_end_array(json);
}

static void write_threads(struct json_writer *json, const struct profile *profile,
			  const struct process *process)
{
	json_writer_key(json, "threads");
	json_writer_begin_array(json);
	for (size_t i = 0; i < process->nr_threads; i++) {
		const struct thread *thread = &process->threads[i];

		json_writer_begin_object(json);
		json_writer_member_integer(json, "tid", thread->tid);
		json_writer_member_name(json, "name", profile_string(profile, thread->name));
		json_writer_member_integer(json, "growth", thread->growth);
		json_writer_member_seconds(json, "start", thread->start_ns);
		json_writer_member_seconds(json, "end", thread->end_ns);
		json_writer_end_object(json);
	}
	json_writer_end_array(json);
}

void json_fields_process(struct json_writer *json, const struct calltree *tree)
{
	const struct profile *profile = tree->profile;
	const struct process *process = &profile->processes[tree->process];

	write_identity(json, profile, process);
	write_balance(json, tree);
	write_shares(json, &process->shares);
	write_copies(json, process);
	write_allocs(json, process);
	write_inside(json, process);
	write_objects(json, process);
	json_fields_losses(json, process->losses);
	write_calls(json, profile, process);
	write_samples(json, process);
	write_threads(json, profile, process);
}
