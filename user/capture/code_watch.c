/* SPDX-License-Identifier: BSD-2-Clause */
/* A probe at the end of code objects for each process; see code_watch.h. */
#include "code_watch.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "call_probe.h"
#include "closer.h"
#include "inspect_python.h"
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
	int images; /* fd of the map that tells the BPF side */
	struct watched *all;
	size_t count, capacity;
};

struct code_watch *code_watch_new(const struct capture_base *base)
{
	struct code_watch *watch;

	if (!loader_has_allocs(base->loader))
		return NULL;
	watch = xcalloc(1, sizeof(*watch));
	watch->base = base;
	watch->closer = closer_new();
	watch->images = loader_map(base->loader, "watched_images");
	return watch;
}

static void end_watch(struct code_watch *watch, size_t index)
{
	bpf_map_delete_elem(watch->images, &watch->all[index].image_id);
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

static int attach(const struct code_watch *watch, const struct interpreter_entry *entry,
		  struct watched *watched)
{
	_cleanup_(closep) int fd = inspect_file(watch->base->inspector, (pid_t)watched->tgid,
						entry->file);
	_cleanup_(freep) char *path = NULL;
	struct call_place place = { watched->tgid, NULL, &entry->plan };

	if (fd < 0)
		return fd;
	path = xasprintf("/proc/self/fd/%d", fd);
	place.path = path;
	return call_probe_attach_code_death(
		&watched->probe, watch->base->loader->skeleton->progs.code_gone, true, &place);
}

/* Without it paths are as right, and dearer. */
void code_watch_plan(struct code_watch *watch, uint32_t process, uint32_t layout)
{
	const struct interpreter_entry *entry;
	struct watched watched = { .probe.multi = -1 };
	const uint8_t yes = 1;
	int error;

	entry = watch ? interpreters_entry(watch->base->interpreters, layout) : NULL;
	if (!entry || !entry->plan.code_death)
		return;
	watched.tgid = watch->base->profile->processes[process].pid;
	watched.image_id = drain_image(watch->base->drain, process);
	end_watches(watch, watched.tgid); /* that of another image of its */
	error = attach(watch, entry, &watched);
	if (!error)
		error = bpf_map_update_elem(watch->images, &watched.image_id, &yes, BPF_ANY);
	if (error) {
		log_at(LOG_DECISIONS, "code objects of %u are not watched: %s", watched.tgid,
		       strerror(-error));
		closer_take(watch->closer, &watched.probe);
		return;
	}
	watch->all = array_reserve(watch->all, &watch->capacity, watch->count + 1,
				   sizeof(*watch->all));
	watch->all[watch->count++] = watched;
}

static void on_process_ended(void *context, uint32_t tgid)
{
	end_watches(context, tgid);
}

struct drain_listener code_watch_hear_drain(struct code_watch *watch)
{
	if (!watch)
		return (struct drain_listener){ 0 };
	return (struct drain_listener){ .context = watch, .process_ended = on_process_ended };
}
