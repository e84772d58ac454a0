/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts and load addresses to the BPF side; see interpreters.h. */
#include "interpreters.h"

#include <errno.h>
#include <string.h>

#include "command_search.h"
#include "file_change.h"
#include "inspect_python.h"
#include "log.h"
#include "memory.h"
#include "offset_table.h"

struct layout {
	size_t entry; /* in the cache */
	char *version;
	int64_t changed_ns; /* of its file, as the BPF side knows it */
};

struct interpreters {
	struct loader *loader;
	struct inspector *inspector;
	struct interpreter_cache *cache;
	struct layout layouts[MAX_LAYOUTS];
	uint32_t nr_layouts;
	struct string_pool versions; /* of those that cannot be walked */
	const char *path_variable;   /* of the command, borrowed; NULL: there is none */
};

struct interpreters *interpreters_new(struct loader *loader, struct inspector *inspector)
{
	struct interpreters *interpreters = xcalloc(1, sizeof(*interpreters));

	interpreters->loader = loader;
	interpreters->inspector = inspector;
	interpreters->cache = interpreter_cache_new();
	string_pool_init(&interpreters->versions);
	return interpreters;
}

void interpreters_free(struct interpreters *interpreters)
{
	if (!interpreters)
		return;
	interpreter_cache_free(interpreters->cache);
	string_pool_free(&interpreters->versions);
	for (uint32_t i = 0; i < interpreters->nr_layouts; i++)
		free(interpreters->layouts[i].version);
	free(interpreters);
}

static struct wire_file file_of(const struct interpreter_entry *entry, int64_t changed_ns)
{
	return (struct wire_file){
		.ino = entry->file.ino,
		.dev = (uint32_t)entry->file.dev,
		.changed_ns = (uint64_t)changed_ns,
	};
}

static void register_file(struct interpreters *interpreters, const struct interpreter_entry *entry,
			  uint32_t index)
{
	struct wire_file file = file_of(entry, entry->changed_ns);
	struct wire_file_layout layout = {
		.text_vaddr = entry->interpreter.text_vaddr,
		.text_offset = entry->interpreter.text_offset,
		.text_bytes = entry->interpreter.text_bytes,
		.layout = index,
	};

	loader_set_file(interpreters->loader, &file, &layout);
	interpreters->layouts[index].changed_ns = entry->changed_ns;
}

/* It has changed, and is the same build. */
static void renew_file(struct interpreters *interpreters, uint32_t index)
{
	const struct layout *known = &interpreters->layouts[index];
	const struct interpreter_entry *entry = interpreter_cache_at(interpreters->cache,
								     known->entry);
	const struct wire_file before = file_of(entry, known->changed_ns);

	if (entry->changed_ns == known->changed_ns)
		return;
	loader_drop_file(interpreters->loader, &before);
	register_file(interpreters, entry, index);
}

static void tell_choice(const struct interpreter *interpreter)
{
	log_at(LOG_DECISIONS,
	       "python %s: thread state by %s, offsets from %s%s, code objects by %s",
	       interpreter->version,
	       interpreter->layout.tstate_by == TSTATE_BY_TLS ? "TLS" : "pthread key",
	       interpreter->version_hex >= 0x030d0000 ? "_Py_DebugOffsets" : "the table",
	       interpreter->table_disagrees ? " (the table disagrees)" : "",
	       interpreter->layout.generation_vaddr ||
			       interpreter->layout.interp_generation != NO_OFFSET
		       ? "generation"
		       : "identity");
}

static const uint16_t calls_at[] = {
	[PROBE_ENTRIES] = CALLS_AT_STARTS,
	[PROBE_RETURNS] = CALLS_AT_RETURNS,
	[PROBE_DEATHS] = CALLS_AT_DEATHS,
};

/* The layout index of a cache entry that can be walked, passed on when new. */
static uint32_t layout_of(struct interpreters *interpreters, size_t entry_index)
{
	const struct interpreter_entry *entry;
	struct wire_layout layout;
	uint32_t index = interpreters->nr_layouts;

	for (uint32_t i = 0; i < interpreters->nr_layouts; i++) {
		if (interpreters->layouts[i].entry != entry_index)
			continue;
		renew_file(interpreters, i);
		return i;
	}
	if (index == MAX_LAYOUTS)
		return NO_LAYOUT;
	entry = interpreter_cache_at(interpreters->cache, entry_index);
	layout = entry->interpreter.layout;
	offset_table_measure(&layout);
	layout.code_watched = entry->plan.code_death != 0;
	layout.has_unseen_frames = layout.version >= 0x030f && entry->plan.event == PROBE_ENTRIES;
	layout.calls_by_ends = calls_at[entry->plan.event];
	if (loader_set_layout(interpreters->loader, index, &layout))
		return NO_LAYOUT;
	interpreters->layouts[index] = (struct layout){
		.entry = entry_index,
		.version = xstrdup(entry->interpreter.version),
	};
	interpreters->nr_layouts++;
	tell_choice(&entry->interpreter);
	if (!entry->interpreter.verified)
		log_later("python %s is newer than all versions that memprobe was tested with: its "
			  "paths "
			  "are not verified",
			  entry->interpreter.version);
	register_file(interpreters, entry, index);
	return index;
}

void interpreters_expect_jit(struct interpreters *interpreters)
{
	interpreter_cache_expect_jit(interpreters->cache);
}

int interpreters_foresee(struct interpreters *interpreters, const char *path,
			 const char *path_variable)
{
	interpreters->path_variable = path_variable;
	return inspect_foresee(interpreters->inspector, path, path_variable, NULL,
			       interpreters->cache);
}

int interpreters_foresee_program(struct interpreters *interpreters, const char *path,
				 const struct wire_file *program)
{
	const struct file_identity file = { .dev = program->dev, .ino = program->ino };

	const char *list = interpreters->path_variable;

	return inspect_foresee(interpreters->inspector, path, list ? list : command_own_path(),
			       &file, interpreters->cache);
}

void interpreters_foresee_process(struct interpreters *interpreters, pid_t pid)
{
	struct python_place place = { 0 };

	inspect_place(interpreters->inspector, pid, interpreters->cache, &place);
	python_place_clear(&place);
}

#define ALL_CALL_FRAMES (1U << PROBE_FRAME_LEAF | 1U << PROBE_FRAME_ARG1 | 1U << PROBE_FRAME_ARG2)

uint32_t interpreters_call_frames(const struct interpreters *interpreters)
{
	bool is_any = false;
	uint32_t frames = 0;

	for (size_t i = 0; i < interpreter_cache_count(interpreters->cache); i++) {
		const struct interpreter_entry *entry = interpreter_cache_at(interpreters->cache,
									     i);

		if (entry->status)
			continue;
		is_any = true;
		if (entry->plan.nr_sites)
			frames |= 1U << entry->plan.frame;
	}
	return is_any ? frames : ALL_CALL_FRAMES;
}

uint32_t interpreters_register(struct interpreters *interpreters)
{
	uint32_t expected = NO_LAYOUT;

	for (size_t i = 0; i < interpreter_cache_count(interpreters->cache); i++) {
		if (!interpreter_cache_at(interpreters->cache, i)->status)
			expected = layout_of(interpreters, i);
	}
	return expected;
}

static void tell_unwalkable(struct interpreters *interpreters, size_t index,
			    struct found_python *ret)
{
	const struct interpreter_entry *entry = interpreter_cache_at(interpreters->cache, index);
	uint32_t id = string_pool_add(&interpreters->versions, entry->interpreter.version);

	ret->reason = entry->interpreter.reason;
	if (!ret->reason)
		ret->reason = "memprobe knows as many interpreter files as it has room for";
	ret->version = string_pool_get(&interpreters->versions, id);
}

/* Is there nothing to be found out for the image any more? It has ended: what runs there now is the
 * next one's. Or the BPF side has found its interpreter itself, and a record tells of it: it sees
 * more than one look into /proc, as a library that was mapped behind the look. */
static bool is_over(const struct interpreters *interpreters, uint32_t slot, uint32_t image_id)
{
	struct wire_python known;

	if (!loader_is_live(interpreters->loader, slot, image_id))
		return true;
	return !loader_get_python(interpreters->loader, slot, &known) &&
	       known.image_id == image_id && known.state != PYTHON_UNKNOWN;
}

struct found_python interpreters_resolve(struct interpreters *interpreters, uint32_t slot,
					 uint32_t image_id, uint32_t tgid)
{
	struct wire_python python = { .image_id = image_id, .state = PYTHON_NONE };
	struct found_python found = { .layout = NO_LAYOUT };
	struct python_place place = { 0 };
	int error;

	/* Who asks for the maps of a process waits for its exec and its mmap, and on a busy machine
	 * these wait for their turn: up to 136 ms (m), in which later records are not read. */
	if (is_over(interpreters, slot, image_id)) {
		found.is_told = true;
		return found;
	}
	error = inspect_place(interpreters->inspector, (pid_t)tgid, interpreters->cache, &place);
	found.is_unanswered = inspector_is_unanswered(error);
	found.is_denied = error == -EACCES || error == -EPERM;
	found.is_closed = error == PYTHON_PLACE_CLOSED;
	if (error && error != -ENOTSUP)
		return found;
	if (is_over(interpreters, slot, image_id)) {
		python_place_clear(&place);
		found.is_told = true;
		return found;
	}
	if (!error)
		found.layout = layout_of(interpreters, place.index);
	if (found.layout == NO_LAYOUT) {
		tell_unwalkable(interpreters, place.index, &found);
	} else {
		found.version = interpreters->layouts[found.layout].version;
		python.state = PYTHON_KNOWN;
		python.layout = found.layout;
		python.bias = place.bias;
	}
	loader_set_python(interpreters->loader, slot, &python);
	python_place_clear(&place);
	return found;
}

/* In a process that maps it: a file whose mode or links were changed is the same. */
static bool look_again(struct interpreters *interpreters, uint32_t tgid, uint32_t layout)
{
	struct python_place place = { 0 };
	int error = inspect_place(interpreters->inspector, (pid_t)tgid, interpreters->cache,
				  &place);
	bool is_same = !error && layout_of(interpreters, place.index) == layout;

	python_place_clear(&place);
	return is_same;
}

int interpreters_open(struct interpreters *interpreters, uint32_t tgid, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(interpreters, layout);
	int fd = inspect_file(interpreters->inspector, (pid_t)tgid, entry->file);
	int error = fd < 0 ? fd : file_change_check(fd, entry->changed_ns);

	/* Entries may lie elsewhere then. */
	if (error == -ESTALE && look_again(interpreters, tgid, layout))
		error = file_change_check(fd, interpreters_entry(interpreters, layout)->changed_ns);
	if (error && fd >= 0)
		closep(&fd);
	return error ? error : fd;
}

int interpreters_frames(struct interpreters *interpreters, uint32_t tgid, struct python_frame **ret,
			size_t *ret_count, struct wire_layout *ret_layout)
{
	const struct interpreter_entry *entry;
	struct python_place place = { 0 };
	int status = inspect_place(interpreters->inspector, (pid_t)tgid, interpreters->cache,
				   &place);

	*ret = NULL;
	if (!status) {
		entry = interpreter_cache_at(interpreters->cache, place.index);
		status = inspect_frames(interpreters->inspector, (pid_t)tgid, place.bias,
					&entry->interpreter.layout, ret);
		*ret_layout = entry->interpreter.layout;
	}
	python_place_clear(&place);
	*ret_count = *ret ? (size_t)status : 0;
	return status < 0 ? status : 0;
}

int interpreters_note_standing(struct interpreters *interpreters, uint32_t image_id, uint32_t tgid)
{
	_cleanup_(freep) struct python_frame *frames = NULL;
	struct wire_layout layout;
	size_t count;
	int error = interpreters_frames(interpreters, tgid, &frames, &count, &layout);

	if (count == MAX_STANDING)
		return -ENOSPC;
	for (size_t i = 0; i < count; i++) {
		if (!loader_add_standing(interpreters->loader, image_id, frames[i].frame))
			return -ENOSPC;
	}
	return error;
}

struct inspector *interpreters_inspector(const struct interpreters *interpreters)
{
	return interpreters->inspector;
}

const char *interpreters_version(const struct interpreters *interpreters, uint32_t layout)
{
	return layout < interpreters->nr_layouts ? interpreters->layouts[layout].version : "";
}

const struct interpreter_entry *interpreters_entry(const struct interpreters *interpreters,
						   uint32_t layout)
{
	if (layout >= interpreters->nr_layouts)
		return NULL;
	return interpreter_cache_at(interpreters->cache, interpreters->layouts[layout].entry);
}
