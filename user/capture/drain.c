/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of draining, and which part takes which record; see drain.h. Each part is a file with a
 * struct of its own, and knows those below it only: base, images, objects, sites, held, allocs,
 * nodes, sightings.
 */
#include "drain.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "clock.h"
#include "drain_allocs.h"
#include "drain_base.h"
#include "drain_blocks.h"
#include "drain_books.h"
#include "drain_held.h"
#include "drain_images.h"
#include "drain_knocks.h"
#include "drain_nodes.h"
#include "drain_objects.h"
#include "drain_sightings.h"
#include "drain_sites.h"
#include "drain_tables.h"
#include "drain_threads.h"
#include "memory.h"
#include "percpu_map.h"
#include "profile_calls.h"
#include "profile_held.h"
#include "record_check.h"
#include "ring_reader.h"

struct drain {
	struct drain_base base;
	struct ring_reader *ring;
	struct drain_images *images;
	struct drain_objects *objects;
	struct drain_sites *sites;
	struct drain_held *held;
	struct drain_allocs *allocs;
	struct drain_blocks *blocks;
	struct drain_nodes *nodes;
	struct drain_sightings *sightings;
	uint64_t nr_refused; /* records that were not sound */
};

/* ---- Records ---- */

static void on_image_begin(struct drain *drain, const void *record)
{
	uint32_t process = drain_images_begin(drain->images, record);

	if (process == NO_PROCESS)
		drain->nr_refused++;
	else
		drain_knocks_begin(&drain->base, record, process);
}

static void on_image_end(struct drain *drain, const void *record)
{
	drain_images_end(drain->images, record);
}

static void on_process_end(struct drain *drain, const void *record)
{
	drain_images_process_end(drain->images, record);
}

static void on_main_end(struct drain *drain, const void *record)
{
	drain_images_main_end(drain->images, record);
}

/* Of an attached process most frames on which a thread dies were there before. */
static void keep_alive(struct drain *drain, const struct wire_thread *thread)
{
	const struct image_slot *slot = drain_images_find(drain->images, thread->image_id);
	const struct process *process = slot ? &drain->base.profile->processes[slot->process]
					     : NULL;

	if (process && process->counts_ends && thread->node.value && process->begin == BEGAN_EXEC)
		drain_nodes_keep_alive(drain->nodes, thread->node);
}

static void on_thread_end(struct drain *drain, const void *data)
{
	const struct wire_thread_end *record = data;

	drain_threads_end(&drain->base, drain->images, record);
	drain_objects_end_thread(drain->objects, record->thread.image_id, record->thread.tid);
	keep_alive(drain, &record->thread);
}

static void on_site(struct drain *drain, const void *record)
{
	drain_sites_take(drain->sites, record);
}

static void on_object(struct drain *drain, const void *record)
{
	drain_sightings_take(drain->sightings, record);
}

static void on_split(struct drain *drain, const void *record)
{
	drain_sites_split(drain->sites, record);
}

static void on_knock(struct drain *drain, const void *record)
{
	drain_knocks_take(&drain->base, drain->images, record);
}

static void on_sample(struct drain *drain, const void *record)
{
	drain_images_sample(drain->images, record);
}

static void on_balance(struct drain *drain, const void *record)
{
	drain_images_balance(drain->images, record);
}

static void on_found(struct drain *drain, const void *record)
{
	drain_knocks_python_found(&drain->base, drain->images, record);
}

static void on_calls_over(struct drain *drain, const void *record)
{
	drain_knocks_calls_over(&drain->base, drain->images, record);
}

static void on_watch_wanted(struct drain *drain, const void *record)
{
	drain_knocks_watch(&drain->base, drain->images, record);
}

static void on_wakes_wanted(struct drain *drain, const void *record)
{
	const struct wire_knock *knock = record;

	DRAIN_TELL(&drain->base.listeners, wakes_wanted, knock->tgid);
}

static void on_unwind_wanted(struct drain *drain, const void *record)
{
	DRAIN_TELL(&drain->base.listeners, unwind_wanted, record);
}

static void on_finalizing(struct drain *drain, const void *record)
{
	const struct wire_knock *knock = record;
	uint64_t start_ns = drain->base.start_ns;

	if (knock->head.time_ns > start_ns)
		drain->base.profile->meta.duration_ns = knock->head.time_ns - start_ns;
	DRAIN_TELL(&drain->base.listeners, finalizing, knock->tgid, knock->head.time_ns);
}

static const struct {
	size_t least_bytes;
	bool (*is_sound)(const void *record, size_t size);
	void (*handle)(struct drain *drain, const void *record);
} types[] = {
	[RECORD_IMAGE_BEGIN] = { sizeof(struct wire_image_begin), record_is_image_begin,
				 on_image_begin },
	[RECORD_IMAGE_END] = { sizeof(struct wire_balance), record_is_balance, on_image_end },
	[RECORD_PROCESS_END] = { sizeof(struct wire_process_end), record_is_process_end,
				 on_process_end },
	[RECORD_MAIN_END] = { sizeof(struct wire_main_end), record_is_main_end, on_main_end },
	[RECORD_THREAD_END] = { sizeof(struct wire_thread_end), record_is_thread_end,
				on_thread_end },
	[RECORD_SITE] = { sizeof(struct wire_site), record_is_site, on_site },
	[RECORD_OBJECT] = { sizeof(struct wire_object), record_is_of_image, on_object },
	[RECORD_SPLIT] = { sizeof(struct wire_split), record_is_of_image, on_split },
	[RECORD_KNOCK] = { sizeof(struct wire_knock), record_is_knock, on_knock },
	[RECORD_SAMPLE] = { sizeof(struct wire_sample), record_is_sample, on_sample },
	[RECORD_BALANCE] = { sizeof(struct wire_balance), record_is_balance, on_balance },
	[RECORD_FOUND] = { sizeof(struct wire_knock), record_is_knock, on_found },
	[RECORD_CALLS_OVER] = { sizeof(struct wire_knock), record_is_knock, on_calls_over },
	[RECORD_FINALIZING] = { sizeof(struct wire_knock), record_is_knock, on_finalizing },
	[RECORD_UNWIND] = { sizeof(struct wire_unwind_knock), record_is_unwind_knock,
			    on_unwind_wanted },
	[RECORD_WATCH] = { sizeof(struct wire_knock), record_is_knock, on_watch_wanted },
	[RECORD_WAKES] = { sizeof(struct wire_knock), record_is_knock, on_wakes_wanted },
};

static void take_record(void *context, const void *data, size_t size)
{
	struct drain *drain = context;
	const struct wire_head *head = data;

	if (size < sizeof(*head) || head->type >= ARRAY_SIZE(types) || !types[head->type].handle ||
	    size < types[head->type].least_bytes || !types[head->type].is_sound(data, size))
		drain->nr_refused++;
	else
		types[head->type].handle(drain, data);
}

/* ---- Beginning and ending ---- */

struct drain *drain_new(struct loader *loader, struct profile *profile, uint64_t start_ns)
{
	struct drain *drain = xcalloc(1, sizeof(*drain));
	const struct drain_base *base = &drain->base;

	drain->base.loader = loader;
	drain->base.profile = profile;
	drain->base.start_ns = start_ns;
	drain->base.wall_ns = clock_wall_ns() - clock_ns();
	drain->base.root = target_root_here();
	if (ring_reader_new(loader_map(loader, "ring"), loader_ring_bytes(loader), &drain->ring)) {
		free(drain);
		return NULL;
	}
	drain->images = drain_images_new(base);
	drain->objects = drain_objects_new(base, drain->images);
	drain->sites = drain_sites_new(base, drain->images, drain->objects);
	drain->held = drain_held_new(base);
	drain->allocs = drain_allocs_new(base);
	drain->blocks = drain_blocks_new(base, drain->images);
	drain->nodes = drain_nodes_new(base, drain->images, drain->sites, drain->held,
				       drain->allocs);
	drain->sightings = drain_sightings_new(base, drain->images, drain->objects, drain->nodes);
	if (!drain->nodes) {
		drain_free(drain);
		return NULL;
	}
	return drain;
}

void drain_free(struct drain *drain)
{
	if (!drain)
		return;
	ring_reader_free(drain->ring);
	drain_sightings_free(drain->sightings);
	drain_nodes_free(drain->nodes);
	drain_blocks_free(drain->blocks);
	drain_allocs_free(drain->allocs);
	drain_held_free(drain->held);
	drain_sites_free(drain->sites);
	drain_objects_free(drain->objects);
	drain_images_free(drain->images);
	free(drain);
}

void drain_listen(struct drain *drain, const struct drain_listener *listener)
{
	drain->base.listeners.all[drain->base.listeners.count++] = *listener;
}

void drain_set_parts(struct drain *drain, bool has_lines, const char *classes)
{
	drain->base.has_lines = has_lines;
	drain->base.classes = classes;
}

void drain_set_inspector(struct drain *drain, struct inspector *inspector,
			 const struct target_user *caller)
{
	drain->base.inspector = inspector;
	drain->base.caller = caller;
}

void drain_set_start(struct drain *drain, uint64_t start_ns)
{
	drain->base.start_ns = start_ns;
}

uint64_t drain_time(const struct drain *drain, uint64_t clock_ns)
{
	return drain_base_time(&drain->base, clock_ns);
}

/* ---- The order ---- */

int drain_fd(const struct drain *drain)
{
	return ring_reader_fd(drain->ring);
}

int drain_take_records(struct drain *drain)
{
	int error = ring_reader_read(drain->ring, take_record, drain);

	drain_objects_name_queued(drain->objects);
	return error;
}

bool drain_name_functions(struct drain *drain)
{
	return drain_sites_name_functions(drain->sites);
}

int drain_records(struct drain *drain)
{
	int error = drain_take_records(drain);

	while (drain_name_functions(drain))
		;
	return error;
}

/* Gives back the slots of images that had ended before the last time: what their threads sent at
 * exit, after the teardown, has been handled by now. */
static void remove_past(struct drain *drain)
{
	if (!drain_images_is_any_past(drain->images))
		return;
	drain_nodes_remove(drain->nodes);
	drain_sites_remove(drain->sites);
	drain_sightings_remove(drain->sightings);
	drain_tables_sweep(&drain->base, drain->images);
	drain_blocks_note_past(drain->blocks);
	/* Now that nothing is noted under their ids any more. */
	drain_nodes_give_back(drain->nodes);
	drain_images_release(drain->images);
}

/* All that the BPF side has told and counted. */
static int read_all(struct drain *drain, bool *ret_has_moved)
{
	int error = drain_records(drain);

	if (error)
		return error;
	error = drain_nodes_read(drain->nodes);
	drain_sightings_place(drain->sightings);
	if (error)
		return error;
	*ret_has_moved = drain_books_read(&drain->base, drain->images, drain->allocs);
	drain_books_read_losses(&drain->base);
	drain->base.profile->losses[LOSS_record_refused].events = drain->nr_refused;
	return 0;
}

int drain_all(struct drain *drain)
{
	bool has_moved;
	int error = read_all(drain, &has_moved);

	if (error)
		return error;
	drain_threads_read(&drain->base, drain->images);
	remove_past(drain);
	drain_blocks_sweep(drain->blocks);
	drain_images_mark_read(drain->images);
	return 0;
}

#define READINGS 3 /* each finds what has changed during the one before only */

/* Rows are read one after the other and their sum at last: they agree where nothing has moved. */
int drain_until_still(struct drain *drain)
{
	bool has_moved = true;
	int error = 0;

	for (int i = 0; i < READINGS && has_moved && !error; i++)
		error = read_all(drain, &has_moved);
	return error;
}

/* Nothing is taken out of tables that go as a whole: it was 3,100 system calls for a Python that
 * does nothing. */
int drain_finish(struct drain *drain, uint64_t now_ns)
{
	bool has_moved;
	int error = read_all(drain, &has_moved);

	if (error)
		return error;
	drain_threads_finish(&drain->base, drain->images, now_ns);
	drain_note_time(drain, now_ns);
	profile_end_threads(drain->base.profile);
	profile_settle(drain->base.profile);
	profile_judge_calls(drain->base.profile);
	return 0;
}

/* ---- What others ask ---- */

void drain_note_time(struct drain *drain, uint64_t now_ns)
{
	drain_books_note_time(&drain->base, drain->images, now_ns);
}

void drain_name_objects(struct drain *drain)
{
	drain_objects_name_all(drain->objects);
}

bool drain_is_balanced(const struct drain *drain)
{
	return drain_books_are_balanced(drain->images);
}

bool drain_has_images(const struct drain *drain)
{
	return drain_images_is_any_live(drain->images);
}

uint32_t drain_process(const struct drain *drain, uint32_t image_id)
{
	const struct image_slot *slot = drain_images_find(drain->images, image_id);

	return slot ? slot->process : NO_PROCESS;
}

uint32_t drain_file(struct drain *drain, uint32_t process, uint16_t version, uint32_t file)
{
	return drain_sites_file(drain->sites, process, version, file);
}

uint32_t drain_image(const struct drain *drain, uint32_t process)
{
	return drain_images_of(drain->images, process);
}

uint64_t drain_events(struct drain *drain)
{
	int fd = loader_map(drain->base.loader, "cpu_events"), count;
	_cleanup_(freep) struct wire_cpu *cpus = percpu_map_read(fd, sizeof(*cpus), &count);
	uint64_t events = 0;

	for (int cpu = 0; cpu < count; cpu++)
		events += cpus[cpu].events;
	return events;
}
