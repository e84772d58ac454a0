/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command's probes are attached before it runs, an attached process's at once, others' at the
 * next flush; see counting.h.
 */
#include "counting.h"

#include <errno.h>
#include <string.h>

#include "call_probe.h"
#include "calls.h"
#include "clock.h"
#include "hash_table.h"
#include "inspect_texts.h"
#include "memory.h"
#include "process_task.h"
#include "requirements.h"
#include "tell.h"

#define WITHOUT_MAIN "its main thread has ended, after which the kernel takes probes away"
/* Of one that runs and waits, and what that becomes with its end. */
#define NOT_BEGUN "counting had not begun yet"
#define ENDED_BEFORE "it ended before counting began"

/* A process whose calls are to be counted from the next flush on: attaching takes 5 ms and more,
 * and one that has ended by then is not worth it. */
struct uncounted {
	uint32_t process;
	uint32_t layout;
};

struct counting {
	const struct capture_base *base;
	struct calls *calls; /* NULL: --calls=off */
	struct uncounted *uncounted;
	size_t nr_uncounted, capacity;
	struct hash_table at_once; /* tgids that were counted until an exec took the probes away */
};

struct counting *counting_new(const struct capture_base *base, bool is_off)
{
	struct counting *counting = xcalloc(1, sizeof(*counting));

	counting->base = base;
	if (!is_off)
		counting->calls = calls_new(base->loader, base->interpreters);
	return counting;
}

void counting_free(struct counting *counting)
{
	if (!counting)
		return;
	calls_free(counting->calls);
	free(counting->uncounted);
	hash_table_free(&counting->at_once);
	free(counting);
}

static struct process *entry_of(const struct counting *counting, uint32_t process)
{
	return &counting->base->profile->processes[process];
}

/* ---- What the profile says of it ---- */

static void set_reason(struct counting *counting, uint32_t process, const char *reason)
{
	uint32_t string = string_pool_add(&counting->base->profile->strings, reason);

	entry_of(counting, process)->calls_reason = string;
	entry_of(counting, process)->is_dirty = true;
}

static void describe(struct counting *counting, uint32_t process, const struct probe_plan *plan,
		     bool is_from_start)
{
	struct process *entry = entry_of(counting, process);

	entry->calls_method = plan->method == PROBE_BY_USDT ? CALLS_BY_USDT : CALLS_BY_UPROBE;
	entry->counts_ends = plan->event != PROBE_ENTRIES;
	entry->has_last_calls = loader_has_last_paths(counting->base->loader);
	entry->open_reason = string_pool_add(&counting->base->profile->strings,
					     "calls that had not ended were not added");
	entry->calls_seen = plan->event == PROBE_DEATHS ? CALLS_SEEN_ENDS : CALLS_SEEN_ALL;
	if (!is_from_start)
		entry->calls_seen = CALLS_SEEN_SOME;
	if (!is_from_start)
		set_reason(counting, process, "counting began after the process");
	else if (plan->event == PROBE_DEATHS)
		set_reason(counting, process, "generators' resumes are not seen");
}

static void refuse(struct counting *counting, uint32_t process, const char *reason)
{
	const struct process *entry = entry_of(counting, process);

	if (!strcmp(profile_string(counting->base->profile, entry->calls_reason), reason))
		return;
	set_reason(counting, process, reason);
	log_later("calls of %u are not counted: %s", entry->pid, reason);
}

/* Why it cannot be: `error` is of attaching. */
static void refuse_for(struct counting *counting, uint32_t process, const struct probe_plan *plan,
		       int error)
{
	if (error == -ESRCH || error == -ENOENT)
		set_reason(counting, process, ENDED_BEFORE);
	else if (inspector_is_unanswered(error))
		refuse(counting, process, "looking for its file took too long");
	else if (!plan->nr_sites)
		refuse(counting, process, plan->reason ? plan->reason : "");
	else if (error == -EACCES && !requirement_may_probe_singly())
		refuse(counting, process, "not allowed (kernel.perf_event_paranoid is above 2)");
	else if (error == -ENOSPC)
		refuse(counting, process,
		       "more frames had begun before than can be told from later ones");
	else if (error == -EOPNOTSUPP) /* file_pages.h */
		refuse(counting, process,
		       "the frames that had begun before cannot be read: the file is on a file "
		       "system that may not answer (FUSE)");
	else if (error == -ENOMSG)
		refuse(counting, process, "the frames that had begun before cannot be read");
	else
		refuse(counting, process, call_probe_error(error));
}

/* ---- Where it begins ---- */

/* Of a process that was given PYTHON_JIT on the way, so that its file's plan is one without. */
static const char *reason_by_jit(const struct counting *counting,
				 const struct interpreter_entry *entry, uint32_t tgid)
{
	static const char *const reasons[] = {
		[PYTHON_JIT_ON] = "its JIT is on, which memprobe was not told: set PYTHON_JIT for "
				  "memprobe too",
		[PYTHON_JIT_UNKNOWN] = "its JIT may be on: its environment cannot be read",
	};

	if (entry->interpreter.version_hex < 0x030f0000 || entry->plan.method != PROBE_BY_USDT)
		return NULL;
	return reasons[inspect_jit(counting->base->inspector, (pid_t)tgid)];
}

/* A frame that began before would count when it ends. -ENOMSG: who they are cannot be read. */
static int note_standing(struct counting *counting, uint32_t process, uint32_t tgid)
{
	int error = interpreters_note_standing(counting->base->interpreters,
					       drain_image(counting->base->drain, process), tgid);

	if (!error || error == -ESRCH || error == -ENOENT)
		return 0;
	calls_detach(counting->calls, tgid);
	return error == -ENOSPC ? error : -ENOMSG;
}

static void note_without_main(struct counting *counting, uint32_t process)
{
	entry_of(counting, process)->calls_seen = CALLS_SEEN_SOME;
	set_reason(counting, process, WITHOUT_MAIN);
}

static void begin(struct counting *counting, uint32_t process, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(counting->base->interpreters,
								   layout);
	uint32_t tgid = entry_of(counting, process)->pid;
	bool is_from_start = calls_is_attached(counting->calls, tgid);
	bool has_main = !process_has_lost_main((pid_t)tgid), counts_ends;
	const char *reason;
	int error;

	if (!entry)
		return;
	counts_ends = entry->plan.event != PROBE_ENTRIES;
	reason = reason_by_jit(counting, entry, tgid);
	if (reason) {
		refuse(counting, process, reason);
		return;
	}
	if (!has_main && !is_from_start) {
		refuse(counting, process, WITHOUT_MAIN);
		return;
	}
	error = calls_attach(counting->calls, tgid, NULL, layout);
	if (!error && counts_ends && entry_of(counting, process)->begin != BEGAN_EXEC)
		error = note_standing(counting, process, tgid);
	/* Both may have looked into files. */
	entry = interpreters_entry(counting->base->interpreters, layout);
	if (error)
		refuse_for(counting, process, &entry->plan, error);
	else
		describe(counting, process, &entry->plan, is_from_start);
	if (!error && !has_main)
		note_without_main(counting, process);
}

/* Where no calls can be counted, the reason is known at once. */
static bool can_be_counted(const struct counting *counting, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(counting->base->interpreters,
								   layout);

	return entry && entry->plan.nr_sites;
}

void counting_plan(struct counting *counting, uint32_t process, uint32_t layout)
{
	const struct process *entry = entry_of(counting, process);
	uint32_t unused;

	if (!counting->calls) {
		set_reason(counting, process, "--calls=off");
		return;
	}
	if (layout == NO_LAYOUT) {
		set_reason(counting, process, "its interpreter cannot be walked");
		return;
	}
	if (calls_is_attached(counting->calls, entry->pid) || entry->begin == BEGAN_ATTACH ||
	    hash_table_get(&counting->at_once, entry->pid, &unused) ||
	    !can_be_counted(counting, layout)) {
		begin(counting, process, layout);
		return;
	}
	if (entry->begin == BEGAN_FORK)
		calls_forked(counting->calls, entry->ppid);
	set_reason(counting, process, entry->end == END_RUNNING ? NOT_BEGUN : ENDED_BEFORE);
	counting->uncounted = array_reserve(counting->uncounted, &counting->capacity,
					    counting->nr_uncounted + 1,
					    sizeof(*counting->uncounted));
	counting->uncounted[counting->nr_uncounted++] = (struct uncounted){ process, layout };
}

void counting_begin_command(struct counting *counting, uint32_t tgid, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(counting->base->interpreters,
								   layout);
	int error;

	if (!counting->calls || !entry || !entry->path)
		return;
	error = calls_attach(counting->calls, tgid, entry->path, layout);
	if (!error && entry->plan.nr_sites == 1)
		loader_expect(counting->base->loader,
			      entry->plan.sites[0].offset - entry->interpreter.text_offset +
				      entry->interpreter.text_vaddr,
			      layout);
	if (error && entry->plan.nr_sites)
		TELL_MISSING(counting->base->waits,
			     "cannot count 'calls' in '%s': %s, continuing without", entry->path,
			     call_probe_error(error));
}

/* ---- What it hears ---- */

/* One that is found twice is counted since the first time. */
static bool is_too_late(const struct counting *counting, const struct uncounted *uncounted)
{
	const struct process *process = entry_of(counting, uncounted->process);

	return process->end != END_RUNNING || process->calls_method != CALLS_BY_NOTHING;
}

/* Most that have just begun end soon. */
static bool is_settled(const struct counting *counting, const struct uncounted *uncounted,
		       uint64_t now_ns)
{
	return entry_of(counting, uncounted->process)->start_ns + FLUSH_SETTLED_NS <= now_ns;
}

/* Those that would be counted by now. */
static void explain_waiting(struct counting *counting, uint64_t now_ns)
{
	for (size_t i = 0; i < counting->nr_uncounted; i++) {
		if (!is_settled(counting, &counting->uncounted[i], now_ns))
			break;
		set_reason(counting, counting->uncounted[i].process,
			   "the budget was spent before counting began, --calls=exact counts");
	}
}

/* Returns whether there is room and budget for one more; false ends the round. */
static bool begin_next(struct counting *counting, const struct uncounted *uncounted)
{
	if (!calls_has_room(counting->calls) || !calls_can_afford(counting->calls))
		return false;
	begin(counting, uncounted->process, uncounted->layout);
	drain_records(counting->base->drain);
	return true;
}

/* The longest running first, and no longer than FLUSH_ATTACHING_NS at a flush: others wait for an
 * answer meanwhile. */
static void begin_late(void *context, struct profile *profile, uint64_t now_ns)
{
	struct counting *counting = context;
	uint64_t end_ns = clock_ns() + FLUSH_ATTACHING_NS;
	size_t next = 0;

	for (; next < counting->nr_uncounted && clock_ns() < end_ns; next++) {
		struct uncounted uncounted = counting->uncounted[next];

		if (is_too_late(counting, &uncounted))
			continue;
		if (!is_settled(counting, &uncounted, now_ns) || !begin_next(counting, &uncounted))
			break;
	}
	counting->nr_uncounted -= next;
	if (counting->nr_uncounted) /* else there may be no array yet */
		memmove(counting->uncounted, counting->uncounted + next,
			counting->nr_uncounted * sizeof(*counting->uncounted));
	if (counting->nr_uncounted && !calls_is_affordable(counting->calls))
		explain_waiting(counting, now_ns);
}

static void on_unseen(void *context, uint32_t process)
{
	struct counting *counting = context;
	struct process *entry = entry_of(counting, process);

	if (counting->calls && calls_is_attached(counting->calls, entry->pid))
		calls_detach(counting->calls, entry->pid);
	entry->calls_method = CALLS_BY_NOTHING;
	entry->counts_ends = false;
	refuse(counting, process,
	       "its probe was never hit, the compiler has copied the function where calls are "
	       "counted into others");
}

static void on_over(void *context, uint32_t process)
{
	struct counting *counting = context;
	uint32_t tgid = entry_of(counting, process)->pid;

	if (!counting->calls || !calls_is_attached(counting->calls, tgid))
		return;
	calls_detach(counting->calls, tgid);
	entry_of(counting, process)->calls_seen = CALLS_SEEN_SOME;
	set_reason(counting, process, "the budget was spent, --calls=exact counts to the end");
	log_later("calls of %u are no longer counted: more would take over 1 %% of its CPU time, "
		  "--calls=exact counts all",
		  tgid);
}

/* What it counts from then on is less than there is, or all: nobody can tell. */
static void on_main_ended(void *context, uint32_t process)
{
	struct counting *counting = context;

	if (entry_of(counting, process)->calls_method != CALLS_BY_NOTHING)
		note_without_main(counting, process);
}

static void on_image_ended(void *context, uint32_t process)
{
	struct counting *counting = context;
	const struct profile *profile = counting->base->profile;

	if (!strcmp(profile_string(profile, entry_of(counting, process)->calls_reason), NOT_BEGUN))
		set_reason(counting, process, ENDED_BEFORE);
}

static void on_process_ended(void *context, uint32_t tgid)
{
	struct counting *counting = context;

	if (!counting->calls)
		return;
	hash_table_remove(&counting->at_once, tgid);
	calls_ended(counting->calls, tgid);
}

static void on_probes_lost(void *context, uint32_t tgid)
{
	struct counting *counting = context;

	if (!counting->calls || !calls_is_attached(counting->calls, tgid))
		return;
	hash_table_put(&counting->at_once, tgid, 0);
	calls_ended(counting->calls, tgid);
}

struct drain_listener counting_hear_drain(struct counting *counting)
{
	return (struct drain_listener){
		.context = counting,
		.calls_over = on_over,
		.calls_unseen = on_unseen,
		.image_ended = on_image_ended,
		.process_ended = on_process_ended,
		.main_ended = on_main_ended,
		.probes_lost = on_probes_lost,
	};
}

struct flush_listener counting_hear_flush(struct counting *counting)
{
	return (struct flush_listener){ .context = counting, .flush = begin_late };
}
