/* SPDX-License-Identifier: BSD-2-Clause */
/* A probe where a runtime's end begins (target/runtime_ends), for each process; see finalizing.h.
 */
#include "finalizing.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "call_probe.h"
#include "clock.h"
#include "closer.h"
#include "insides.h"
#include "interpreters.h"
#include "log.h"
#include "memory.h"
#include "memprobe.skel.h"
#include "process_stat.h"
#include "process_task.h"
#include "target_guard.h"

#include <memprobe/limits.h>

/* The signal has been sent before we hear of it, and acts when the probe returns. */
#define STOP_NS 100000000ULL
#define NAP_US 100

#define LARGE_BYTES (LAST_LOOK_PAGES * 4096LL)
/* What a look that nobody asked for may take: a part of the time that the process was followed for,
 * within bounds. And how long it may have stood for the looks at others. */
#define LIFE_PARTS 50
#define LEAST_NS 200000000ULL
#define STOOD_NS 500000000ULL
/* How long we may be busy with something else while one stands. */
#define BUSY_NS 3000000000ULL

struct armed {
	uint32_t tgid, layout;
	uint32_t process; /* NO_PROCESS: not begun yet */
	int pidfd;
	struct call_probe probe;
};

/* Not yet: it is small. */
struct small {
	uint32_t process, layout;
};

struct finalizing {
	const struct capture_base *base;
	const struct censuses *censuses;
	bool is_asked; /* for every process; else large ones only */
	bool has_failed;
	int last_looks;	       /* the BPF side's table */
	struct closer *closer; /* NULL: nothing has been armed yet, and nobody guards */
	struct target_guard guard;
	struct armed *all;
	size_t count, capacity;
	struct small *small;
	size_t nr_small, small_capacity;
};

struct finalizing *finalizing_new(const struct capture_base *base, const struct censuses *censuses,
				  bool is_asked)
{
	struct finalizing *finalizing = xcalloc(1, sizeof(*finalizing));

	finalizing->base = base;
	finalizing->censuses = censuses;
	finalizing->is_asked = is_asked;
	finalizing->last_looks = loader_map(base->loader, "last_looks");
	return finalizing;
}

/* ---- Who stands for us: the BPF side notes it ---- */

static uint64_t stands_since_ns(int last_looks, pid_t pid)
{
	uint32_t tgid = (uint32_t)pid;
	uint64_t since_ns;

	return bpf_map_lookup_elem(last_looks, &tgid, &since_ns) ? 0 : since_ns;
}

static void note_gone_on(int last_looks, pid_t pid)
{
	uint32_t tgid = (uint32_t)pid;

	bpf_map_delete_elem(last_looks, &tgid);
}

/* One look with all that belongs to it. */
static uint64_t most_ns(const struct finalizing *finalizing)
{
	return BUSY_NS + INSIDES_ONE_NS + (finalizing->censuses->is_wanted ? CENSUSES_MOST_NS : 0);
}

/* With the first process, which most commands do not have: a fork of ours. */
static int begin_guard(struct finalizing *finalizing)
{
	const struct target_stops stops = { finalizing->last_looks, most_ns(finalizing),
					    stands_since_ns, note_gone_on };
	int error;

	if (finalizing->closer)
		return 0;
	error = finalizing->has_failed ? -EAGAIN : target_guard_begin(&stops, &finalizing->guard);
	if (!error) {
		finalizing->closer = closer_new();
		return 0;
	}
	if (!finalizing->has_failed && finalizing->is_asked)
		log_warning("nothing is read at the end of processes: %s", strerror(-error));
	finalizing->has_failed = true;
	return error;
}

static struct armed *find(const struct finalizing *finalizing, uint32_t tgid)
{
	for (size_t i = 0; i < finalizing->count; i++) {
		if (finalizing->all[i].tgid == tgid)
			return &finalizing->all[i];
	}
	return NULL;
}

/* Nothing stops it any more, so that the guard may forget it. */
static void disarm(struct finalizing *finalizing, struct armed *armed)
{
	closer_leave(finalizing->closer, &armed->probe);
	target_guard_remove(&finalizing->guard, (pid_t)armed->tgid);
	closep(&armed->pidfd);
	*armed = finalizing->all[--finalizing->count];
}

void finalizing_free(struct finalizing *finalizing)
{
	if (!finalizing)
		return;
	while (finalizing->count)
		disarm(finalizing, finalizing->all);
	if (finalizing->closer)
		target_guard_end(&finalizing->guard);
	closer_free(finalizing->closer);
	free(finalizing->all);
	free(finalizing->small);
	free(finalizing);
}

/* ---- Where it will be stopped ---- */

/* A command that does not run yet has mapped no file. */
static int open_file(const struct finalizing *finalizing, const struct armed *armed)
{
	struct interpreters *interpreters = finalizing->base->interpreters;
	const char *path;
	int fd;

	if (armed->process != NO_PROCESS)
		return interpreters_open(interpreters, armed->tgid, armed->layout);
	path = interpreters_entry(interpreters, armed->layout)->path;
	fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	return fd < 0 ? -ENOENT : fd;
}

/* Who may not signal it could not let it go on. */
static int open_process(struct armed *armed)
{
	armed->pidfd = (int)syscall(SYS_pidfd_open, armed->tgid, 0);
	if (armed->pidfd < 0 || syscall(SYS_pidfd_send_signal, armed->pidfd, 0, NULL, 0))
		return -errno;
	return 0;
}

static int attach(const struct finalizing *finalizing, struct armed *armed)
{
	const struct capture_base *base = finalizing->base;
	_cleanup_(closep) int fd = open_file(finalizing, armed);
	const struct interpreter_entry *entry = interpreters_entry(base->interpreters,
								   armed->layout);
	const struct interpreter *python = &entry->interpreter;
	const struct call_file where = { armed->tgid,
					 fd,
					 { python->ends.offsets[0], python->ends.offsets[1] },
					 entry->changed_ns };
	int error = fd < 0 ? fd : open_process(armed);

	if (error)
		return error;
	return call_probe_attach_file(&armed->probe, base->loader->skeleton->progs.finalizing,
				      base->loader->features.has_uprobe_multi, &where);
}

static void note_if_unsignalled(const struct finalizing *finalizing, const struct armed *armed)
{
	if (armed->process != NO_PROCESS && kill((pid_t)armed->tgid, 0) && errno == EPERM)
		finalizing->base->profile->processes[armed->process].is_unsignalled = true;
}

static void arm(struct finalizing *finalizing, struct armed *armed)
{
	int error = finalizing->count < MAX_LAST_LOOKS ? 0 : -E2BIG;

	if (!error)
		error = begin_guard(finalizing);
	if (!error)
		error = target_guard_add(&finalizing->guard, (pid_t)armed->tgid);
	if (!error)
		error = attach(finalizing, armed);
	if (error) {
		log_at(LOG_DECISIONS, "the end of %u is not waited for: %s", armed->tgid,
		       call_probe_error(error));
		if (finalizing->closer)
			target_guard_remove(&finalizing->guard, (pid_t)armed->tgid);
		closep(&armed->pidfd);
		note_if_unsignalled(finalizing, armed);
		return;
	}
	log_at(LOG_DECISIONS, "the end of %u is waited for", armed->tgid);
	finalizing->all = array_reserve(finalizing->all, &finalizing->capacity,
					finalizing->count + 1, sizeof(*armed));
	finalizing->all[finalizing->count++] = *armed;
}

static bool is_known(const struct finalizing *finalizing, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(finalizing->base->interpreters,
								   layout);

	return entry && entry->interpreter.ends.offsets[0];
}

static uint32_t tgid_of(const struct finalizing *finalizing, uint32_t process)
{
	return finalizing->base->profile->processes[process].pid;
}

static void arm_process(struct finalizing *finalizing, uint32_t process, uint32_t layout)
{
	struct armed armed = {
		.tgid = tgid_of(finalizing, process),
		.layout = layout,
		.process = process,
		.pidfd = -1,
	};

	arm(finalizing, &armed);
}

static void wait_for_growth(struct finalizing *finalizing, uint32_t process, uint32_t layout)
{
	finalizing->small = array_reserve(finalizing->small, &finalizing->small_capacity,
					  finalizing->nr_small + 1, sizeof(*finalizing->small));
	finalizing->small[finalizing->nr_small++] = (struct small){ process, layout };
}

static bool is_unsure(const struct finalizing *finalizing, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(finalizing->base->interpreters,
								   layout);

	return entry && entry->interpreter.ends.doubt != RUNTIME_ENDS_SURE;
}

void finalizing_plan(struct finalizing *finalizing, uint32_t process, uint32_t layout)
{
	struct armed *before = find(finalizing, tgid_of(finalizing, process));

	finalizing->base->profile->processes[process].has_unsure_end = is_unsure(finalizing,
										 layout);
	if (before && before->layout == layout) { /* a probe goes on through an exec */
		before->process = process;
		return;
	}
	if (before)
		disarm(finalizing, before);
	if (!is_known(finalizing, layout))
		return;
	if (finalizing->is_asked)
		arm_process(finalizing, process, layout);
	else
		wait_for_growth(finalizing, process, layout);
}

void finalizing_begin_command(struct finalizing *finalizing, uint32_t tgid, uint32_t layout)
{
	struct armed armed = { .tgid = tgid, .layout = layout, .process = NO_PROCESS, .pidfd = -1 };

	if (finalizing->is_asked && is_known(finalizing, layout))
		arm(finalizing, &armed);
}

/* ---- Those that become large ---- */

static size_t find_small(const struct finalizing *finalizing, uint32_t process)
{
	size_t i = 0;

	while (i < finalizing->nr_small && finalizing->small[i].process != process)
		i++;
	return i;
}

static struct small take_small(struct finalizing *finalizing, size_t index)
{
	struct small taken = finalizing->small[index];

	finalizing->small[index] = finalizing->small[--finalizing->nr_small];
	return taken;
}

/* A shell with job control is told of the stop, takes the terminal, and says so to its user: who
 * has a group of its own in its parent's session is taken for a job. */
static bool is_job(uint32_t tgid)
{
	struct process_stat own, parent;

	if (process_stat_read((pid_t)tgid, &own) || own.ppid == getpid())
		return false;
	return !process_stat_read(own.ppid, &parent) && own.session == parent.session &&
	       own.group != parent.group;
}

static void arm_small(struct finalizing *finalizing, size_t index)
{
	struct small taken = take_small(finalizing, index);
	uint32_t tgid = tgid_of(finalizing, taken.process);

	if (is_job(tgid))
		log_at(LOG_DECISIONS, "%u may be a shell's job: it is not stopped at its end",
		       tgid);
	else
		arm_process(finalizing, taken.process, taken.layout);
}

/* At once: a program may be over soon. The others were large before, and wait for a flush. */
static void on_rss_changed(void *context, uint32_t process, const struct rss_sample *sample)
{
	struct finalizing *finalizing = context;
	size_t index;

	if (!finalizing->nr_small || sample->rss < LARGE_BYTES ||
	    finalizing->base->profile->processes[process].begin != BEGAN_EXEC)
		return;
	index = find_small(finalizing, process);
	if (index < finalizing->nr_small)
		arm_small(finalizing, index);
}

static void on_image_ended(void *context, uint32_t process)
{
	struct finalizing *finalizing = context;
	size_t index = find_small(finalizing, process);

	if (index < finalizing->nr_small)
		take_small(finalizing, index);
}

static void on_flush(void *context, struct profile *profile, uint64_t now_ns)
{
	struct finalizing *finalizing = context;
	uint64_t begin_ns = clock_ns();

	for (size_t i = finalizing->nr_small; i-- > 0;) {
		const struct process *process = &profile->processes[finalizing->small[i].process];

		if (rss_of(process->kernel) < LARGE_BYTES ||
		    process->start_ns + FLUSH_SETTLED_NS > now_ns)
			continue;
		arm_small(finalizing, i);
		if (clock_ns() - begin_ns > FLUSH_ATTACHING_NS)
			break;
	}
}

struct flush_listener finalizing_hear_flush(struct finalizing *finalizing)
{
	return (struct flush_listener){ .context = finalizing, .flush = on_flush };
}

/* ---- When it is ---- */

/* As /proc tells it; 'X', dead, where it does not. */
static char state_of(uint32_t tgid)
{
	struct process_stat stat;

	return process_stat_read(process_task((pid_t)tgid), &stat) ? 'X' : stat.state;
}

static void wait_until_stopped(uint32_t tgid)
{
	uint64_t begin_ns = clock_ns();
	char state = state_of(tgid);

	while (state != 'T' && state != 'Z' && state != 'X' && clock_ns() - begin_ns < STOP_NS) {
		usleep(NAP_US);
		state = state_of(tgid);
	}
}

/* One that stands behind many others goes on unread, unless that was asked for. */
static bool has_time(const struct finalizing *finalizing, uint64_t stopped_ns)
{
	return finalizing->is_asked || clock_ns() - stopped_ns < STOOD_NS;
}

static uint64_t budget_of(const struct finalizing *finalizing, uint32_t process)
{
	const struct profile *profile = finalizing->base->profile;
	uint64_t part_ns = (profile->meta.duration_ns - profile->processes[process].start_ns) /
			   LIFE_PARTS;

	if (finalizing->is_asked || part_ns > INSIDES_ONE_NS)
		return INSIDES_ONE_NS;
	return part_ns < LEAST_NS ? LEAST_NS : part_ns;
}

static void look(const struct finalizing *finalizing, uint32_t process, uint64_t stopped_ns)
{
	const struct census_turn turn = { process, CENSUSES_MOST_NS, stopped_ns };

	insides_read_one(finalizing->base, process, budget_of(finalizing, process));
	if (finalizing->censuses->is_wanted)
		censuses_take_one(finalizing->censuses, &turn);
}

/* Who does not stand any more has been killed, or let go on by another: the signal that it ends by
 * will tell. One that is killed has lost its memory well before it has ended. */
static void note_if_killed(const struct finalizing *finalizing, const struct armed *armed)
{
	if (armed->process != NO_PROCESS && state_of(armed->tgid) != 'T')
		finalizing->base->profile->processes[armed->process].died_standing = true;
}

static void go_on(const struct finalizing *finalizing, const struct armed *armed)
{
	note_if_killed(finalizing, armed);
	syscall(SYS_pidfd_send_signal, armed->pidfd, SIGCONT, NULL, 0);
	note_gone_on(finalizing->last_looks, (pid_t)armed->tgid);
}

static void on_finalizing(void *context, uint32_t tgid, uint64_t stopped_ns)
{
	const struct finalizing *finalizing = context;
	const struct armed *armed = find(finalizing, tgid);

	if (!armed) {
		kill((pid_t)tgid, SIGCONT);
		note_gone_on(finalizing->last_looks, (pid_t)tgid);
		return;
	}
	target_guard_answers(&finalizing->guard);
	if (!stands_since_ns(finalizing->last_looks, (pid_t)tgid)) {
		log_at(LOG_DECISIONS, "%u went on before we came to look at its end", tgid);
		return;
	}
	wait_until_stopped(tgid);
	if (armed->process == NO_PROCESS || !has_time(finalizing, stopped_ns))
		log_at(LOG_DECISIONS, "the allocators of %u are not read at its end", tgid);
	else
		look(finalizing, armed->process, stopped_ns);
	go_on(finalizing, armed);
}

static void on_process_ended(void *context, uint32_t tgid)
{
	struct finalizing *finalizing = context;
	struct armed *armed = find(finalizing, tgid);

	if (armed)
		disarm(finalizing, armed);
}

struct drain_listener finalizing_hear_drain(struct finalizing *finalizing)
{
	return (struct drain_listener){
		.context = finalizing,
		.rss_changed = on_rss_changed,
		.finalizing = on_finalizing,
		.image_ended = on_image_ended,
		.process_ended = on_process_ended,
		.probes_lost = on_process_ended,
	};
}
