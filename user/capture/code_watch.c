/* SPDX-License-Identifier: BSD-2-Clause */
/* A probe at the end of code objects for each process; see code_watch.h. */
#include "code_watch.h"

#include <errno.h>
#include <string.h>

#include "call_probe.h"
#include "clock.h"
#include "closer.h"
#include "interpreters.h"
#include "log.h"
#include "memory.h"
#include "memprobe.skel.h"

struct watched {
	uint32_t tgid, image_id;
	struct call_probe probe;
};

struct code_watch {
	const struct capture_base *base;
	struct closer *closer;
	struct watched *all;
	size_t count, capacity;
	uint64_t asked_ns; /* when one was attached last because the BPF side asked */
};

struct code_watch *code_watch_new(const struct capture_base *base)
{
	struct code_watch *watch;

	if (!loader_has_watches(base->loader))
		return NULL;
	watch = xcalloc(1, sizeof(*watch));
	watch->base = base;
	watch->closer = closer_new();
	return watch;
}

static void tell_bpf(const struct code_watch *watch, uint32_t image_id, bool is_watched)
{
	__atomic_store_n(&watch->base->loader->skeleton->bss->watched_images[image_id % MAX_IMAGES],
			 is_watched ? image_id : 0, __ATOMIC_SEQ_CST);
}

static void end_watch(struct code_watch *watch, size_t index)
{
	tell_bpf(watch, watch->all[index].image_id, false);
	closer_leave(watch->closer, &watch->all[index].probe);
	watch->all[index] = watch->all[--watch->count];
}

void code_watch_free(struct code_watch *watch)
{
	if (!watch)
		return;
	while (watch->count)
		end_watch(watch, watch->count - 1);
	closer_free(watch->closer);
	free(watch->all);
	free(watch);
}

static void end_watches(struct code_watch *watch, uint32_t tgid)
{
	for (size_t i = watch->count; i-- > 0;)
		if (watch->all[i].tgid == tgid)
			end_watch(watch, i);
}

static int attach(const struct code_watch *watch, uint32_t layout, struct watched *watched)
{
	_cleanup_(closep) int fd = interpreters_open(watch->base->interpreters, watched->tgid,
						     layout);
	const struct interpreter_entry *entry = interpreters_entry(watch->base->interpreters,
								   layout);
	const struct call_file where = {
		.tgid = watched->tgid,
		.fd = fd,
		.offsets = { entry->plan.code_death },
		.changed_ns = entry->changed_ns,
	};

	if (fd < 0)
		return fd;
	return call_probe_attach_file(&watched->probe,
				      watch->base->loader->skeleton->progs.code_gone, true, &where);
}

/* Without it paths are as right, and dearer. */
static void begin_watch(struct code_watch *watch, uint32_t process, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(watch->base->interpreters,
								   layout);
	struct watched watched = { .probe.multi = -1 };
	int error;

	if (!entry || !entry->plan.code_death)
		return;
	watched.tgid = watch->base->profile->processes[process].pid;
	watched.image_id = drain_image(watch->base->drain, process);
	end_watches(watch, watched.tgid); /* that of another image of its */
	error = attach(watch, layout, &watched);
	if (error) {
		log_at(LOG_DECISIONS, "code objects of %u are not watched: %s", watched.tgid,
		       call_probe_error(error));
		return;
	}
	tell_bpf(watch, watched.image_id, true);
	watch->all = array_reserve(watch->all, &watch->capacity, watch->count + 1,
				   sizeof(*watch->all));
	watch->all[watch->count++] = watched;
}

void code_watch_plan(struct code_watch *watch, uint32_t process, uint32_t layout)
{
	if (watch && loader_has_allocs(watch->base->loader))
		begin_watch(watch, process, layout);
}

/* Attaching takes 5 to 24 ms, in which nobody reads the ring. Who is passed over asks again. */
#define BETWEEN_NS 250000000

static void on_watch_wanted(void *context, uint32_t process, uint32_t layout)
{
	struct code_watch *watch = context;

	if (watch->asked_ns && clock_ns() - watch->asked_ns < BETWEEN_NS)
		return;
	begin_watch(watch, process, layout);
	watch->asked_ns = clock_ns();
}

static void on_process_ended(void *context, uint32_t tgid)
{
	end_watches(context, tgid);
}

struct drain_listener code_watch_hear_drain(struct code_watch *watch)
{
	if (!watch)
		return (struct drain_listener){ 0 };
	return (struct drain_listener){
		.context = watch,
		.watch_wanted = on_watch_wanted,
		.process_ended = on_process_ended,
		.probes_lost = on_process_ended,
	};
}
