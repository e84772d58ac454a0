/* SPDX-License-Identifier: BSD-2-Clause */
/* A probe at Py_FinalizeEx for each process; see finalizing.h. */
#include "finalizing.h"

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
#include "inspect_python.h"
#include "interpreters.h"
#include "log.h"
#include "memory.h"
#include "memprobe.skel.h"
#include "process_stat.h"
#include "target_guard.h"

/* The signal has been sent before we hear of it, and acts when the probe returns. */
#define STOP_NS 100000000ULL
#define NAP_US 100

struct armed {
	uint32_t tgid, layout;
	uint32_t process; /* NO_PROCESS: not begun yet */
	int pidfd;
	struct call_probe probe;
};

struct finalizing {
	const struct capture_base *base;
	const struct censuses *censuses;
	struct closer *closer;
	struct target_guard guard;
	struct armed *all;
	size_t count, capacity;
};

struct finalizing *finalizing_new(const struct capture_base *base, const struct censuses *censuses)
{
	struct finalizing *finalizing;
	int error;

	finalizing = xcalloc(1, sizeof(*finalizing));
	finalizing->base = base;
	finalizing->censuses = censuses;
	error = target_guard_begin(&finalizing->guard);
	if (error) {
		log_warning("nothing is read at the end of processes: %s", strerror(-error));
		free(finalizing);
		return NULL;
	}
	finalizing->closer = closer_new();
	return finalizing;
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
	closer_free(finalizing->closer);
	target_guard_end(&finalizing->guard);
	free(finalizing->all);
	free(finalizing);
}

/* ---- Where it will be stopped ---- */

/* A command that does not run yet has mapped no file. */
static int open_file(const struct finalizing *finalizing, const struct armed *armed,
		     const struct interpreter_entry *entry)
{
	int fd;

	if (armed->process != NO_PROCESS)
		return inspect_file(finalizing->base->inspector, (pid_t)armed->tgid, entry->file);
	fd = entry->path ? open(entry->path, O_RDONLY | O_CLOEXEC) : -1;
	return fd < 0 ? -ENOENT : fd;
}

static int attach(const struct finalizing *finalizing, struct armed *armed)
{
	const struct capture_base *base = finalizing->base;
	const struct interpreter_entry *entry = interpreters_entry(base->interpreters,
								   armed->layout);
	_cleanup_(closep) int fd = open_file(finalizing, armed, entry);
	const struct call_file where = { armed->tgid, fd, entry->interpreter.finalize_offset };

	if (fd < 0)
		return fd;
	armed->pidfd = (int)syscall(SYS_pidfd_open, armed->tgid, 0);
	if (armed->pidfd < 0)
		return -errno;
	return call_probe_attach_file(&armed->probe, base->loader->skeleton->progs.finalizing,
				      base->loader->features.has_uprobe_multi, &where);
}

static void arm(struct finalizing *finalizing, struct armed *armed)
{
	int error = finalizing->count < TARGET_GUARD_MAX ? 0 : -E2BIG;

	if (!error)
		error = target_guard_add(&finalizing->guard, (pid_t)armed->tgid);
	if (!error)
		error = attach(finalizing, armed);
	if (error) {
		log_at(LOG_DECISIONS, "the end of %u is not waited for: %s", armed->tgid,
		       strerror(-error));
		target_guard_remove(&finalizing->guard, (pid_t)armed->tgid);
		closep(&armed->pidfd);
		return;
	}
	finalizing->all = array_reserve(finalizing->all, &finalizing->capacity,
					finalizing->count + 1, sizeof(*armed));
	finalizing->all[finalizing->count++] = *armed;
}

static bool is_known(const struct finalizing *finalizing, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(finalizing->base->interpreters,
								   layout);

	return entry && entry->interpreter.finalize_offset;
}

void finalizing_plan(struct finalizing *finalizing, uint32_t process, uint32_t layout)
{
	struct armed armed = { .layout = layout, .process = process, .pidfd = -1 };
	struct armed *before;

	if (!finalizing)
		return;
	armed.tgid = finalizing->base->profile->processes[process].pid;
	before = find(finalizing, armed.tgid);
	if (before && before->layout == layout) { /* a probe goes on through an exec */
		before->process = process;
		return;
	}
	if (before)
		disarm(finalizing, before);
	if (is_known(finalizing, layout))
		arm(finalizing, &armed);
}

void finalizing_begin_command(struct finalizing *finalizing, uint32_t tgid, uint32_t layout)
{
	struct armed armed = { .tgid = tgid, .layout = layout, .process = NO_PROCESS, .pidfd = -1 };

	if (finalizing && is_known(finalizing, layout))
		arm(finalizing, &armed);
}

void finalizing_stop(struct finalizing *finalizing)
{
	for (size_t i = 0; finalizing && i < finalizing->count; i++)
		call_probe_detach(&finalizing->all[i].probe);
}

/* ---- When it is ---- */

static void wait_until_stopped(uint32_t tgid)
{
	uint64_t begin_ns = clock_ns();
	struct process_stat stat;

	while (!process_stat_read((pid_t)tgid, &stat) && stat.state != 'T' &&
	       clock_ns() - begin_ns < STOP_NS)
		usleep(NAP_US);
}

static void on_finalizing(void *context, uint32_t tgid, uint64_t stopped_ns)
{
	struct finalizing *finalizing = context;
	struct armed *armed = find(finalizing, tgid);

	if (!armed) {
		kill((pid_t)tgid, SIGCONT);
		return;
	}
	wait_until_stopped(tgid);
	if (armed->process != NO_PROCESS) {
		const struct census_turn turn = { armed->process, CENSUSES_MOST_NS, stopped_ns };

		insides_read_one(finalizing->base, armed->process);
		if (finalizing->censuses->is_wanted)
			censuses_take_one(finalizing->censuses, &turn);
	}
	syscall(SYS_pidfd_send_signal, armed->pidfd, SIGCONT, NULL, 0);
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
	if (!finalizing)
		return (struct drain_listener){ 0 };
	return (struct drain_listener){
		.context = finalizing,
		.finalizing = on_finalizing,
		.process_ended = on_process_ended,
	};
}
