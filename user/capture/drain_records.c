/* SPDX-License-Identifier: BSD-2-Clause */
/* Ring buffer records into the profile, one small function a type. Each gets only records that
 * record_check.h finds sound. */
#include <string.h>
#include <sys/wait.h>

#include "drain_process.h"
#include "drain_state.h"
#include "memory.h"
#include "python_frames.h"
#include "record_check.h"
#include "terminal.h"

static void to_bytes(int64_t *bytes, const __s64 *pages)
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		bytes[kind] = pages[kind] * PAGE_BYTES;
}

static char *command_text(const struct drain *drain, const struct wire_image_begin *record)
{
	char *text = NULL;

	if (record->reason == BEGIN_EXEC && record->args_bytes)
		text = drain_join_arguments(record->args, record->args_bytes);
	else if (record->reason == BEGIN_ATTACH)
		text = drain_read_command(drain->inspector, record->tgid);
	return text ? text : xstrndup(record->comm, sizeof(record->comm));
}

/* A fork child is at first what its parent was. */
static void inherit(struct drain *drain, struct process *process, uint32_t parent_image)
{
	const struct image_slot *parent = drain_slot(drain, parent_image);

	if (!parent)
		return;
	process->command = drain->profile->processes[parent->process].command;
	process->python = drain->profile->processes[parent->process].python;
	process->has_user = drain->profile->processes[parent->process].has_user;
	process->uid = drain->profile->processes[parent->process].uid;
	process->gid = drain->profile->processes[parent->process].gid;
	process->directory = drain->profile->processes[parent->process].directory;
}

/* An exec ends the entry of the image before, whose teardown may be recorded only now or later. */
static void end_by_exec(struct drain *drain, const struct wire_image_begin *record)
{
	uint32_t index;

	if (record->reason != BEGIN_EXEC ||
	    !hash_table_get(&drain->process_of_tgid, record->tgid, &index))
		return;
	drain->profile->processes[index].end = END_EXEC;
	drain->profile->processes[index].end_ns = drain_time(drain, record->head.time_ns);
	drain->profile->processes[index].is_dirty = true;
}

static void open_process(struct drain *drain, const struct wire_image_begin *record,
			 struct process *process)
{
	_cleanup_(freep) char *command = command_text(drain, record);
	_cleanup_(freep) char *directory = drain_read_directory(record->tgid);

	process->image_id = record->head.image_id;
	process->pid = record->tgid;
	process->ppid = record->ppid;
	process->begin = record->reason;
	process->start_ns = drain_time(drain, record->head.time_ns);
	process->end_ns = process->start_ns;
	process->command = string_pool_add(&drain->profile->strings, command);
	process->directory = string_pool_add(&drain->profile->strings, directory ? directory : "");
	to_bytes(process->opening, record->opening);
	memcpy(process->books, process->opening, sizeof(process->books));
	memcpy(process->kernel, process->opening, sizeof(process->kernel));
	process->peak = rss_of(process->opening);
	if (record->reason == BEGIN_FORK)
		inherit(drain, process, record->parent_image);
}

static void find_python(struct drain *drain, const struct wire_image_begin *record,
			uint32_t process)
{
	uint32_t state = record->layout >> 16, layout = record->layout & 0xffff;

	if (state == PYTHON_KNOWN)
		DRAIN_TELL(&drain->listeners, python_found, process, layout);
	else if (state == PYTHON_UNKNOWN && record->reason == BEGIN_EXEC)
		DRAIN_TELL(&drain->listeners, program_unknown, process, record);
	else if (state == PYTHON_UNKNOWN)
		DRAIN_TELL(&drain->listeners, unknown_python, record->slot, record->head.image_id,
			   record->tgid);
}

/* An image that was forked or attached may share what it has with others. */
static void note_rss(struct drain *drain, uint32_t index, struct rss_sample sample)
{
	const struct process *process = &drain->profile->processes[index];

	sample.inherited = process->begin == BEGAN_EXEC ? 0 : process->opening[KIND_ANON];
	profile_add_sample(drain->profile, index, sample.time_ns, sample.rss);
	DRAIN_TELL(&drain->listeners, rss_changed, index, &sample);
}

static struct image_slot *reserve_slot(struct drain *drain, uint32_t index)
{
	drain->slots = array_reserve(drain->slots, &drain->slots_capacity, (size_t)index + 1,
				     sizeof(*drain->slots));
	while (drain->nr_slots <= index)
		drain->slots[drain->nr_slots++] = (struct image_slot){ 0 };
	return &drain->slots[index];
}

static void image_begin(struct drain *drain, const void *data)
{
	const struct wire_image_begin *record = data;
	struct image_slot *slot;
	uint32_t index;

	slot = reserve_slot(drain, record->slot);
	/* The BPF side gets a slot back only when its last image has been read to the end. */
	if (slot->state != SLOT_EMPTY) {
		drain->nr_refused++;
		return;
	}
	end_by_exec(drain, record);
	index = profile_add_process(drain->profile);
	open_process(drain, record, &drain->profile->processes[index]);
	hash_table_put(&drain->process_of_tgid, record->tgid, index);
	*slot = (struct image_slot){
		.image_id = record->head.image_id,
		.process = index,
		.state = SLOT_LIVE,
	};
	note_rss(drain, index,
		 (struct rss_sample){
			 .time_ns = drain->profile->processes[index].start_ns,
			 .rss = rss_of(drain->profile->processes[index].opening),
			 .anon = drain->profile->processes[index].opening[KIND_ANON],
		 });
	find_python(drain, record, index);
	if (record->reason == BEGIN_ATTACH)
		DRAIN_TELL(&drain->listeners, attached, record->tgid);
}

void drain_end_image(struct drain *drain, struct image_slot *slot, const __s64 *kernel_pages,
		     uint64_t clock_ns)
{
	struct process *process = &drain->profile->processes[slot->process];
	uint64_t time_ns = drain_time(drain, clock_ns);

	to_bytes(process->kernel, kernel_pages);
	if (process->end != END_EXEC)
		process->end_ns = time_ns;
	process->is_dirty = true;
	slot->state = SLOT_ENDED;
	drain->nr_ended++;
	note_rss(drain, slot->process,
		 (struct rss_sample){
			 .time_ns = time_ns,
			 .rss = rss_of(process->kernel),
			 .anon = process->kernel[KIND_ANON],
		 });
	DRAIN_TELL(&drain->listeners, image_ended, slot->process);
}

static void image_end(struct drain *drain, const void *data)
{
	const struct wire_balance *record = data;
	struct image_slot *slot = drain_slot(drain, record->head.image_id);

	if (slot && slot->state == SLOT_LIVE)
		drain_end_image(drain, slot, record->kernel, record->head.time_ns);
}

static void balance(struct drain *drain, const void *data)
{
	const struct wire_balance *record = data;
	struct image_slot *slot = drain_slot(drain, record->head.image_id);

	if (!slot || slot->state != SLOT_LIVE)
		return;
	slot->has_balance = true;
	to_bytes(slot->balance_books, record->books);
	to_bytes(slot->balance_kernel, record->kernel);
}

static void process_end(struct drain *drain, const void *data)
{
	const struct wire_process_end *record = data;
	struct process *process;
	uint32_t index;

	if (hash_table_get(&drain->process_of_tgid, record->tgid, &index)) {
		process = &drain->profile->processes[index];
		process->end_ns = drain_time(drain, record->head.time_ns);
		process->end = WIFSIGNALED((int)record->exit_code) ? END_SIGNAL : END_EXIT;
		if (process->end == END_SIGNAL)
			process->exit_signal = WTERMSIG((int)record->exit_code);
		else
			process->exit_code = WEXITSTATUS((int)record->exit_code);
		process->is_dirty = true;
		hash_table_remove(&drain->process_of_tgid, record->tgid);
	}
	DRAIN_TELL(&drain->listeners, process_ended, record->tgid);
}

static void thread_end(struct drain *drain, const void *data)
{
	const struct wire_thread_end *record = data;
	struct image_slot *slot = drain_slot(drain, record->thread.image_id);
	struct thread thread = {
		.tid = record->thread.tid,
		.growth = record->thread.growth * PAGE_BYTES,
		.start_ns = drain_time(drain, record->thread.start_ns),
		.end_ns = drain_time(drain, record->head.time_ns),
	};

	if (!slot)
		return;
	thread.name = string_pool_add_bytes(&drain->profile->strings, record->thread.comm,
					    sizeof(record->thread.comm));
	profile_add_thread(drain->profile, slot->process, &thread);
	/* Of an attached process most of these frames were there before. */
	if (drain->profile->processes[slot->process].counts_ends && record->thread.node &&
	    drain->profile->processes[slot->process].begin == BEGAN_EXEC)
		drain_keep_alive(drain, record->thread.node);
}

/* A str of the target as UTF-8. `kind` bytes a character, each a code point; all is checked. */
static uint32_t add_text(struct drain *drain, const struct wire_str *str, const uint8_t *bytes)
{
	uint32_t count = str->bytes ? str->bytes / str->kind : 0, id;
	char *text = xmalloc(4 * ((size_t)count + 1) + 1), *end = text;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t character = 0;

		memcpy(&character, bytes + (size_t)i * str->kind, str->kind);
		end += utf8_encode(character, end);
	}
	if (str->truncated)
		end += utf8_encode(0x2026, end);
	if (str->missing)
		*end++ = '?';
	id = string_pool_add_bytes(&drain->profile->strings, text, end - text);
	free(text);
	return id;
}

static bool is_relative_file(const char *file)
{
	return *file && *file != '/' && *file != '<';
}

/* 3.6 to 3.8 keep the script's name as it was given. */
static uint32_t absolute_file(struct drain *drain, uint32_t process, uint32_t file)
{
	struct string_pool *strings = &drain->profile->strings;
	uint32_t directory = drain->profile->processes[process].directory;
	const char *relative = string_pool_get(strings, file);
	_cleanup_(freep) char *path = NULL;

	if (!directory || !is_relative_file(relative))
		return file;
	while (!strncmp(relative, "./", 2))
		relative += 2;
	path = xasprintf("%s/%s", string_pool_get(strings, directory), relative);
	return string_pool_add(strings, path);
}

static void remember_site(struct drain *drain, const struct known_site *known)
{
	uint32_t index;

	if (hash_table_get(&drain->site_ids, known->key, &index)) {
		drain->sites[index] = *known;
		return;
	}
	drain->sites = array_reserve(drain->sites, &drain->sites_capacity, drain->nr_sites + 1,
				     sizeof(*drain->sites));
	drain->sites[drain->nr_sites] = *known;
	hash_table_put(&drain->site_ids, known->key, drain->nr_sites++);
}

/* A process that has given up root's rights once is not given them back for what it names: another
 * user may speak through it by now. */
static void note_user(struct process *process, const struct wire_site *record)
{
	if (process->has_user && process->uid && !record->uid)
		return;
	process->has_user = true;
	process->uid = record->uid;
	process->gid = record->gid;
}

static void site(struct drain *drain, const void *data)
{
	const struct wire_site *record = data;
	const uint8_t *bytes = (const uint8_t *)(record + 1);
	struct image_slot *slot = drain_slot(drain, record->head.image_id);
	struct site found = {
		.kind = record->kind,
		.line = record->firstlineno > 0 ? record->firstlineno : 0,
		.version = record->version,
		.is_resumable = !!(record->code_flags & CODE_RESUMABLE),
	};
	uint32_t before = drain->profile->nr_sites, id;
	struct line_bytes table;

	if (!slot)
		return;
	if (record->kind == SITE_PYTHON) {
		note_user(&drain->profile->processes[slot->process], record);
		found.file = add_text(drain, &record->filename, bytes);
		if (record->version < 0x0309)
			found.file = absolute_file(drain, slot->process, found.file);
	}
	if (record->kind == SITE_PYTHON)
		found.name = add_text(drain, &record->name, bytes + record->filename.bytes);
	else if (record->kind == SITE_NATIVE)
		found.name = string_pool_add_bytes(&drain->profile->strings, (const char *)bytes,
						   record->name.bytes);
	drain_qualify(drain, slot->process, &found);
	id = profile_add_site(drain->profile, &found);
	table = (struct line_bytes){ bytes + record->filename.bytes + record->name.bytes,
				     record->linetable_bytes };
	remember_site(
		drain,
		&(struct known_site){
			.key = record->site,
			.image_id = record->head.image_id,
			.site = id,
			.version = record->version,
			.line_table = drain_add_line_table(drain, id, id == before, &table),
			.is_shim = site_is_init_shim(drain->profile, &drain->profile->sites[id]),
			.object = NO_OBJECT });
}

/* A part of a site that is known: the records come in order. */
static void split(struct drain *drain, const void *data)
{
	const struct wire_split *record = data;
	struct known_site known = { .key = record->site, .image_id = record->head.image_id };
	struct site part;
	bool is_wanted;
	uint32_t index;

	known.object = drain_take_part(drain, record, &is_wanted);
	if (!hash_table_get(&drain->site_ids, record->whole, &index))
		return;
	part = drain->profile->sites[drain->sites[index].site];
	if (is_wanted) {
		part.part_object = known.object + 1;
		known.object = NO_OBJECT;
	}
	if (drain->has_lines)
		part.at = drain_line_of(drain, &drain->sites[index], record->at);
	known.is_shim = drain->sites[index].is_shim;
	known.site = profile_add_site(drain->profile, &part);
	remember_site(drain, &known);
}

static void knock(struct drain *drain, const void *data)
{
	const struct wire_knock *record = data;
	struct image_slot *slot = drain_slot(drain, record->head.image_id);

	if (slot && slot->state == SLOT_LIVE)
		DRAIN_TELL(&drain->listeners, unknown_python, record->slot, record->head.image_id,
			   record->tgid);
}

static void python_found(struct drain *drain, const void *data)
{
	const struct wire_knock *record = data;
	struct image_slot *slot = drain_slot(drain, record->head.image_id);

	if (slot)
		DRAIN_TELL(&drain->listeners, python_found, slot->process, record->layout);
}

static void calls_over(struct drain *drain, const void *data)
{
	const struct wire_knock *record = data;
	struct image_slot *slot = drain_slot(drain, record->head.image_id);

	if (slot)
		DRAIN_TELL(&drain->listeners, calls_over, slot->process);
}

static void sample(struct drain *drain, const void *data)
{
	const struct wire_sample *record = data;
	struct image_slot *slot = drain_slot(drain, record->head.image_id);

	if (slot)
		note_rss(drain, slot->process,
			 (struct rss_sample){
				 .time_ns = drain_time(drain, record->head.time_ns),
				 .rss = record->rss * PAGE_BYTES,
				 .anon = record->anon * PAGE_BYTES,
			 });
}

static void object(struct drain *drain, const void *data)
{
	drain_take_object(drain, data);
}

int drain_handle_record(void *context, void *data, size_t size)
{
	static void (*const handlers[])(struct drain * drain, const void *data) = {
		[RECORD_IMAGE_BEGIN] = image_begin,
		[RECORD_IMAGE_END] = image_end,
		[RECORD_PROCESS_END] = process_end,
		[RECORD_THREAD_END] = thread_end,
		[RECORD_SITE] = site,
		[RECORD_OBJECT] = object,
		[RECORD_SPLIT] = split,
		[RECORD_KNOCK] = knock,
		[RECORD_SAMPLE] = sample,
		[RECORD_BALANCE] = balance,
		[RECORD_FOUND] = python_found,
		[RECORD_CALLS_OVER] = calls_over,
	};
	struct drain *drain = context;
	const struct wire_head *head = data;

	if (record_is_sound(data, size))
		handlers[head->type](drain, data);
	else
		drain->nr_refused++;
	return 0;
}
