/* SPDX-License-Identifier: BSD-2-Clause */
/* From records to entries of the profile; see drain_images.h. */
#include "drain_images.h"

#include <string.h>
#include <sys/wait.h>

#include "clock.h"
#include "drain_process.h"
#include "hash_table.h"
#include "inspect_texts.h"
#include "memory.h"
#include "process_begin.h"

struct drain_images {
	const struct drain_base *base;
	struct image_slot *slots; /* up to the highest that was used, below MAX_IMAGES */
	size_t nr_slots, capacity;
	struct hash_table process_of_tgid; /* the newest entry of a tgid */
	struct hash_table without_main;	   /* tgids whose main thread has ended */
	uint32_t nr_ended;		   /* slots in SLOT_ENDED */
};

struct drain_images *drain_images_new(const struct drain_base *base)
{
	struct drain_images *images = xcalloc(1, sizeof(*images));

	images->base = base;
	return images;
}

void drain_images_free(struct drain_images *images)
{
	if (!images)
		return;
	hash_table_free(&images->process_of_tgid);
	hash_table_free(&images->without_main);
	free(images->slots);
	free(images);
}

/* ---- Looking up ---- */

struct image_slot *drain_images_find(const struct drain_images *images, uint32_t image_id)
{
	uint32_t index = image_id % MAX_IMAGES;
	struct image_slot *slot = index < images->nr_slots ? &images->slots[index] : NULL;

	return slot && slot->state != SLOT_EMPTY && slot->image_id == image_id ? slot : NULL;
}

struct image_slot *drain_images_at(const struct drain_images *images, uint32_t slot)
{
	return &images->slots[slot];
}

uint32_t drain_images_count(const struct drain_images *images)
{
	return (uint32_t)images->nr_slots;
}

uint32_t drain_images_of(const struct drain_images *images, uint32_t process)
{
	uint32_t image_id = images->base->profile->processes[process].image_id;
	const struct image_slot *slot = drain_images_find(images, image_id);

	return slot && slot->state == SLOT_LIVE && slot->process == process ? image_id : 0;
}

bool drain_images_is_any_live(const struct drain_images *images)
{
	for (size_t slot = 0; slot < images->nr_slots; slot++) {
		if (images->slots[slot].state == SLOT_LIVE)
			return true;
	}
	return false;
}

bool drain_images_is_past(const struct drain_images *images, uint32_t image_id)
{
	uint32_t index = image_id % MAX_IMAGES;
	const struct image_slot *slot;

	if (index >= images->nr_slots)
		return false;
	slot = &images->slots[index];
	if (slot->image_id != image_id)
		return slot->image_id > image_id;
	return slot->state == SLOT_EMPTY || (slot->state == SLOT_ENDED && slot->is_read);
}

/* ---- Begin ---- */

static void to_bytes(int64_t *bytes, const __s64 *pages)
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		bytes[kind] = pages[kind] * PAGE_BYTES;
}

static char *command_text(const struct drain_images *images, const struct wire_image_begin *record,
			  struct process *process)
{
	char *text = NULL;
	int status = 0;

	if (record->reason == BEGIN_EXEC && record->args_bytes)
		text = drain_join_arguments(record->args, record->args_bytes);
	else if (record->reason == BEGIN_ATTACH)
		text = drain_read_command(images->base->inspector, record->tgid, &status);
	if (inspector_is_unanswered(status))
		process->losses[LOSS_name_unanswered].events++;
	/* The record is of the task that attaches: memprobe itself. */
	if (!text && record->reason == BEGIN_ATTACH)
		text = drain_read_comm(record->tgid);
	return text ? text : xstrndup(record->comm, sizeof(record->comm));
}

/* A fork child is at first what its parent was. */
static void inherit(struct drain_images *images, struct process *process, uint32_t parent_image)
{
	const struct image_slot *slot = drain_images_find(images, parent_image);
	const struct process *parent;

	if (!slot)
		return;
	parent = &images->base->profile->processes[slot->process];
	process->command = parent->command;
	process->python = parent->python;
	process->is_mimalloc_known = parent->is_mimalloc_known;
	process->has_own_mimalloc = parent->has_own_mimalloc;
	process->has_user = parent->has_user;
	process->uid = parent->uid;
	process->gid = parent->gid;
	process->root_inode = parent->root_inode;
	process->root_mount = parent->root_mount;
	process->program_ns = parent->program_ns;
	process->directory = parent->directory;
}

/* An exec ends the entry of the image before, whose teardown may be recorded only now or later. */
static void end_by_exec(struct drain_images *images, const struct wire_image_begin *record)
{
	struct process *before;
	uint32_t index;

	if (record->reason != BEGIN_EXEC ||
	    !hash_table_get(&images->process_of_tgid, record->tgid, &index))
		return;
	before = &images->base->profile->processes[index];
	before->end = END_EXEC;
	before->end_ns = drain_base_time(images->base, record->head.time_ns);
	before->is_dirty = true;
}

static uint64_t program_ns(const struct drain_images *images, const struct wire_image_begin *record)
{
	const uint32_t parent = record->reason == BEGIN_FORK ? record->parent_image : 0;

	if (record->reason == BEGIN_EXEC)
		return record->head.time_ns + images->base->wall_ns;
	/* Else it is inherited. */
	return drain_images_find(images, parent) ? 0 : process_program_began((pid_t)record->tgid);
}

static void open_process(struct drain_images *images, const struct wire_image_begin *record,
			 struct process *process)
{
	_cleanup_(freep) char *command = command_text(images, record, process);
	_cleanup_(freep) char *directory = drain_read_directory(record->tgid);

	process->image_id = record->head.image_id;
	process->pid = record->tgid;
	process->ppid = record->ppid;
	process->program_ns = program_ns(images, record);
	process->begin = record->reason;
	process->start_ns = drain_base_time(images->base, record->head.time_ns);
	process->end_ns = process->start_ns;
	process->command = string_pool_add(&images->base->profile->strings, command);
	process->directory = string_pool_add(&images->base->profile->strings,
					     directory ? directory : "");
	to_bytes(process->opening, record->opening);
	memcpy(process->books, process->opening, sizeof(process->books));
	memcpy(process->kernel, process->opening, sizeof(process->kernel));
	process->peak = rss_of(process->opening);
	if (record->reason == BEGIN_FORK)
		inherit(images, process, record->parent_image);
}

static void set_peak(struct drain_images *images, struct image_slot *slot, int64_t rss,
		     uint64_t time_ns)
{
	slot->peak = rss;
	slot->is_peak_new = true;
	images->base->profile->processes[slot->process].peak_time_ns = time_ns;
}

/* An image that was forked or attached may share what it has with others. */
static void note_rss(struct drain_images *images, uint32_t index, struct rss_sample sample)
{
	const struct process *process = &images->base->profile->processes[index];
	struct image_slot *slot = drain_images_find(images, process->image_id);

	if (slot && slot->process == index && sample.rss > slot->peak)
		set_peak(images, slot, sample.rss, sample.time_ns);
	sample.inherited = process->begin == BEGAN_EXEC ? 0 : process->opening[KIND_ANON];
	profile_add_sample(images->base->profile, index, sample.time_ns, sample.rss);
	DRAIN_TELL(&images->base->listeners, rss_changed, index, &sample);
}

static struct image_slot *reserve_slot(struct drain_images *images, uint32_t index)
{
	images->slots = array_reserve(images->slots, &images->capacity, (size_t)index + 1,
				      sizeof(*images->slots));
	while (images->nr_slots <= index)
		images->slots[images->nr_slots++] = (struct image_slot){ 0 };
	return &images->slots[index];
}

/* Who begins a program becomes the main thread, and what was attached was so to another. */
static void note_exec(struct drain_images *images, const struct wire_image_begin *record)
{
	uint32_t unused;

	if (record->reason != BEGIN_EXEC ||
	    !hash_table_get(&images->without_main, record->tgid, &unused))
		return;
	hash_table_remove(&images->without_main, record->tgid);
	DRAIN_TELL(&images->base->listeners, probes_lost, record->tgid);
}

uint32_t drain_images_begin(struct drain_images *images, const struct wire_image_begin *record)
{
	struct image_slot *slot = reserve_slot(images, record->slot);
	struct process *process;
	uint32_t index;

	/* The BPF side gets a slot back only when its last image has been read to the end. */
	if (slot->state != SLOT_EMPTY)
		return NO_PROCESS;
	end_by_exec(images, record);
	note_exec(images, record);
	index = profile_add_process(images->base->profile);
	process = &images->base->profile->processes[index];
	open_process(images, record, process);
	hash_table_put(&images->process_of_tgid, record->tgid, index);
	*slot = (struct image_slot){
		.image_id = record->head.image_id,
		.process = index,
		.state = SLOT_LIVE,
	};
	note_rss(images, index,
		 (struct rss_sample){
			 .time_ns = process->start_ns,
			 .rss = rss_of(process->opening),
			 .anon = process->opening[KIND_ANON],
		 });
	return index;
}

/* ---- While it lives ---- */

void drain_images_balance(struct drain_images *images, const struct wire_balance *record)
{
	struct image_slot *slot = drain_images_find(images, record->head.image_id);

	if (!slot || slot->state != SLOT_LIVE)
		return;
	slot->has_balance = true;
	to_bytes(slot->balance_books, record->books);
	to_bytes(slot->balance_kernel, record->kernel);
}

void drain_images_sample(struct drain_images *images, const struct wire_sample *record)
{
	struct image_slot *slot = drain_images_find(images, record->head.image_id);

	if (slot)
		note_rss(images, slot->process,
			 (struct rss_sample){
				 .time_ns = drain_base_time(images->base, record->head.time_ns),
				 .rss = record->rss * PAGE_BYTES,
				 .anon = record->anon * PAGE_BYTES,
			 });
}

/* A little beyond a sample of a moment ago is that sample's time; else it was until now. */
void drain_images_note_peak(struct drain_images *images, struct image_slot *slot,
			    const struct wire_image *image)
{
	int64_t rss = image->peak * PAGE_BYTES;
	uint64_t now = image->end_ns ? image->end_ns : clock_ns();

	if (rss > slot->peak && slot->is_peak_new)
		slot->peak = rss;
	else if (rss > slot->peak)
		set_peak(images, slot, rss, drain_base_time(images->base, now));
	slot->is_peak_new = false;
}

/* ---- End ---- */

void drain_images_close(struct drain_images *images, struct image_slot *slot,
			const __s64 *kernel_pages, uint64_t clock_ns)
{
	struct process *process = &images->base->profile->processes[slot->process];
	uint64_t time_ns = drain_base_time(images->base, clock_ns);

	to_bytes(process->kernel, kernel_pages);
	if (process->end != END_EXEC)
		process->end_ns = time_ns;
	process->is_dirty = true;
	slot->state = SLOT_ENDED;
	images->nr_ended++;
	note_rss(images, slot->process,
		 (struct rss_sample){
			 .time_ns = time_ns,
			 .rss = rss_of(process->kernel),
			 .anon = process->kernel[KIND_ANON],
		 });
	DRAIN_TELL(&images->base->listeners, image_ended, slot->process);
}

void drain_images_end(struct drain_images *images, const struct wire_balance *record)
{
	struct image_slot *slot = drain_images_find(images, record->head.image_id);

	if (slot && slot->state == SLOT_LIVE)
		drain_images_close(images, slot, record->kernel, record->head.time_ns);
}

void drain_images_process_end(struct drain_images *images, const struct wire_process_end *record)
{
	struct process *process;
	uint32_t index;

	if (hash_table_get(&images->process_of_tgid, record->tgid, &index)) {
		process = &images->base->profile->processes[index];
		process->end_ns = drain_base_time(images->base, record->head.time_ns);
		process->end = WIFSIGNALED((int)record->exit_code) ? END_SIGNAL : END_EXIT;
		if (process->end == END_SIGNAL)
			process->exit_signal = WTERMSIG((int)record->exit_code);
		else
			process->exit_code = WEXITSTATUS((int)record->exit_code);
		process->is_dirty = true;
		hash_table_remove(&images->process_of_tgid, record->tgid);
	}
	hash_table_remove(&images->without_main, record->tgid);
	DRAIN_TELL(&images->base->listeners, process_ended, record->tgid);
}

void drain_images_main_end(struct drain_images *images, const struct wire_main_end *record)
{
	const struct drain_listeners *listeners = &images->base->listeners;
	uint32_t index;

	if (!record->is_exec)
		hash_table_put(&images->without_main, record->tgid, 0);
	if (record->is_exec)
		DRAIN_TELL(listeners, probes_lost, record->tgid);
	else if (hash_table_get(&images->process_of_tgid, record->tgid, &index))
		DRAIN_TELL(listeners, main_ended, index);
}

/* ---- Giving back ---- */

bool drain_images_is_any_past(const struct drain_images *images)
{
	for (size_t slot = 0; slot < images->nr_slots && images->nr_ended; slot++) {
		if (images->slots[slot].state == SLOT_ENDED && images->slots[slot].is_read)
			return true;
	}
	return false;
}

/* Beyond what a dump may hold none comes: the BPF side finds no slot, and counts it as a loss. Each
 * that is free now may get one more. */
static bool is_full(const struct drain_images *images)
{
	return images->base->profile->nr_processes > PROFILE_MAX_PROCESSES - MAX_IMAGES;
}

void drain_images_release(struct drain_images *images)
{
	for (uint32_t slot = 0; slot < images->nr_slots; slot++) {
		if (images->slots[slot].state != SLOT_ENDED || !images->slots[slot].is_read)
			continue;
		images->slots[slot].state = SLOT_EMPTY;
		if (!is_full(images))
			loader_free_slot(images->base->loader, slot);
		images->nr_ended--;
	}
}

void drain_images_mark_read(struct drain_images *images)
{
	for (size_t slot = 0; slot < images->nr_slots; slot++)
		images->slots[slot].is_read = images->slots[slot].state == SLOT_ENDED;
}
