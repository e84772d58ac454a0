/* SPDX-License-Identifier: BSD-2-Clause */
/* What the inspecting process does for each request about interpreters and memory. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "census_take.h"
#include "environment.h"
#include "file_change.h"
#include "heap_inside.h"
#include "inspect_cells.h"
#include "inspect_objects.h"
#include "inspect_sources.h"
#include "inspect_state.h"
#include "inspect_texts.h"
#include "inspect_unwind.h"
#include "mapped_file.h"
#include "memory.h"
#include "process_task.h"
#include "python_cells.h"
#include "python_jit.h"
#include "python_mimalloc.h"
#include "python_place.h"
#include "python_string.h"
#include "queue_place.h"

/* The end is when most reports are made, and a heap of a gigabyte takes 0.4 s. */
#define HEAP_URGENT_CPU_MS 1200
/* Ten million objects take 20 s, and nobody else waits meanwhile. Below what inspect_confine.c
 * allows. */
#define CENSUS_CPU_MS 40000
#define CENSUS_URGENT_CPU_MS 10000
/* Ten million objects take 300 MB, and what is kept of the target a sixth. */
#define CENSUS_BYTES (384ULL << 20)

void *inspect_state_new(void)
{
	struct inspect_state *state = xcalloc(1, sizeof(*state));

	state->cache = interpreter_cache_new();
	return state;
}

static void copy_text(const char *text, char *ret, size_t size, uint32_t *ret_has)
{
	*ret_has = text != NULL;
	snprintf(ret, size, "%s", text ? text : "");
}

static void fill_entry(const struct interpreter_entry *entry, struct inspect_entry *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->file = entry->file;
	ret->changed_ns = entry->changed_ns;
	ret->status = entry->status;
	ret->interpreter = entry->interpreter;
	ret->interpreter.reason = NULL;
	ret->plan = entry->plan;
	ret->plan.reason = NULL;
	copy_text(entry->interpreter.reason, ret->reason, sizeof(ret->reason), &ret->has_reason);
	copy_text(entry->plan.reason, ret->plan_reason, sizeof(ret->plan_reason),
		  &ret->has_plan_reason);
	copy_text(entry->path, ret->path, sizeof(ret->path), &ret->has_path);
}

static void handle_place(void *context, const void *given, size_t size, struct inspect_reply *reply)
{
	const struct inspect_process_request *request = given;
	struct inspect_place *answer = (struct inspect_place *)reply->bytes;
	struct inspect_state *state = context;
	struct python_place place = { 0 };
	uint32_t unused;

	if (request->is_jit_expected)
		interpreter_cache_expect_jit(state->cache);
	reply->status = python_place_find(request->pid, state->cache, &place);
	if (reply->status && reply->status != -ENOTSUP)
		return;
	answer->bias = place.bias;
	copy_text(place.path, answer->path, sizeof(answer->path), &unused);
	fill_entry(interpreter_cache_at(state->cache, place.index), &answer->entry);
	reply->size = sizeof(*answer);
	python_place_clear(&place);
}

/* The interpreters that have been seen last, and files that claim too much to be looked into: those
 * of before are known to who asked. */
static void handle_foresee(void *context, const void *given, size_t size,
			   struct inspect_reply *reply)
{
	const struct inspect_foresee_request *request = given;
	struct inspect_entry *answer = (struct inspect_entry *)reply->bytes;
	struct inspect_state *state = context;
	size_t count = 0, seen;

	if (request->is_jit_expected)
		interpreter_cache_expect_jit(state->cache);
	reply->status = python_place_foresee(
		request->path, request->has_path_list ? request->path_list : NULL, state->cache);
	if (request->program.ino && interpreter_cache_find(state->cache, request->program, &seen))
		reply->status = -ESRCH;
	for (size_t i = interpreter_cache_count(state->cache);
	     i-- > 0 && count < INSPECT_ENTRIES;) {
		const struct interpreter_entry *entry = interpreter_cache_at(state->cache, i);

		if (!entry->status || entry->status == -ENOTSUP || entry->status == -E2BIG)
			fill_entry(entry, &answer[count++]);
	}
	reply->size = count * sizeof(*answer);
}

/* Attaching a probe makes the kernel read the file, on behalf of who attaches, and a file system in
 * user space may never answer. Answers with such a file, or -errno. */
static void reply_file(int fd, struct inspect_reply *reply)
{
	reply->status = fd < 0 ? fd : 0;
	reply->fd = fd;
	if (fd >= 0 && mapped_file_may_block(fd))
		reply->status = -EOPNOTSUPP;
}

static void handle_file(void *context, const void *given, size_t size, struct inspect_reply *reply)
{
	const struct inspect_file_request *request = given;

	reply_file(python_place_open_any(request->pid, request->file, request->path), reply);
}

static int open_queues(const struct inspect_queues_request *request)
{
	if (request->file_of == QUEUE_IN_INTERPRETER)
		return python_place_open_any(request->pid, request->file, request->path);
	return queue_place_open(request->pid, request->path, (uint16_t)request->version,
				request->file_of == TASK_IN_MODULE ? "_asyncio" : "_queue");
}

static int find_queues(int fd, struct queue_plan *ret)
{
	int64_t changed_ns;
	int error = file_change_begin(fd, &changed_ns);

	if (!error)
		error = queue_plan_find(fd, ret);
	ret->changed_ns = changed_ns;
	return error ? error : file_change_check(fd, changed_ns);
}

static void handle_queues(void *context, const void *given, size_t size,
			  struct inspect_reply *reply)
{
	reply_file(open_queues(given), reply);
	if (!reply->status)
		reply->status = find_queues(reply->fd, (struct queue_plan *)reply->bytes);
	reply->size = reply->status ? 0 : sizeof(struct queue_plan);
}

static void handle_frames(void *context, const void *given, size_t size,
			  struct inspect_reply *reply)
{
	const struct inspect_memory_request *request = given;
	struct process_memory memory;

	reply->status = process_memory_open(&memory, request->pid);
	if (reply->status)
		return;
	reply->size = python_frames_read(&memory, &request->layout, request->address,
					 (struct python_frame *)reply->bytes, MAX_STANDING) *
		      sizeof(struct python_frame);
	process_memory_close(&memory);
}

static void read_text(const struct python_reader *reader, uint64_t address, char *ret, size_t size)
{
	_cleanup_(freep) char *text = NULL;
	uint64_t string;

	if (!python_reader_u64(reader, address, &string) &&
	    !python_string_read((struct python_reader *)reader, string, MAX_NAME_BYTES, &text))
		snprintf(ret, size, "%s", text);
}

static void handle_code(void *context, const void *given, size_t size, struct inspect_reply *reply)
{
	const struct inspect_memory_request *request = given;
	const struct wire_layout *layout = &request->layout;
	struct inspect_code *answer = (struct inspect_code *)reply->bytes;
	struct process_memory memory;
	struct python_reader reader;

	memset(answer, 0, sizeof(*answer));
	reply->status = python_reader_init_process(&reader, layout, &memory);
	if (!reply->status)
		reply->status = process_memory_open(&memory, request->pid);
	if (reply->status)
		return;
	python_reader_fetch(&reader, request->address + layout->code_firstlineno, &answer->line,
			    sizeof(answer->line));
	python_reader_fetch(&reader, request->address + layout->code_flags, &answer->flags,
			    sizeof(answer->flags));
	read_text(&reader, request->address + layout->code_filename, answer->file,
		  sizeof(answer->file));
	read_text(&reader,
		  request->address + (layout->code_qualname != NO_OFFSET ? layout->code_qualname
									 : layout->code_name),
		  answer->name, sizeof(answer->name));
	reply->size = sizeof(*answer);
	process_memory_close(&memory);
}

static void handle_process(void *context, const void *given, size_t size,
			   struct inspect_reply *reply)
{
	const struct inspect_process_request *request = given;
	struct inspect_process *answer = (struct inspect_process *)reply->bytes;
	_cleanup_(freep) char *path = xasprintf("/proc/%d/cmdline",
						(int)process_task(request->pid));
	FILE *file = fopen(path, "re");

	memset(answer, 0, sizeof(*answer));
	if (file) {
		answer->command_bytes = (uint32_t)fread(answer->command, 1, sizeof(answer->command),
							file);
		fclose(file);
	}
	answer->jit = python_jit_read(request->pid);
	reply->size = sizeof(*answer);
}

static void handle_mimalloc(void *context, const void *given, size_t size,
			    struct inspect_reply *reply)
{
	const struct inspect_process_request *request = given;
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	bool has = !process_maps_read(request->pid, &maps) && python_mimalloc_is_built_in(&maps);
	uint32_t has_mimalloc;

	if (!has)
		reply->status = python_mimalloc_is_asked_for(request->pid, &has);
	has_mimalloc = has;
	memcpy(reply->bytes, &has_mimalloc, sizeof(has_mimalloc));
	reply->size = reply->status ? 0 : sizeof(has_mimalloc);
}

static void handle_variable(void *context, const void *given, size_t size,
			    struct inspect_reply *reply)
{
	const struct inspect_variable_request *request = given;
	struct environment environment;
	const char *value;

	reply->status = environment_read(request->pid, &environment);
	value = environment_find(&environment, request->name);
	reply->size = value ? strlen(value) : 0;
	if (!reply->status && !reply->size)
		reply->status = -ENOENT;
	else if (reply->size > reply->capacity)
		reply->status = -E2BIG;
	if (reply->status)
		reply->size = 0;
	else
		memcpy(reply->bytes, value, reply->size);
	environment_clear(&environment);
}

static void handle_malloc(void *context, const void *given, size_t size,
			  struct inspect_reply *reply)
{
	const struct inspect_malloc_request *request = given;
	struct malloc_file *answer = (struct malloc_file *)reply->bytes;
	struct inspect_state *state = context;
	size_t count = 0;

	memset(answer, 0, reply->capacity);
	if (request->is_loading)
		malloc_place_foresee_process(request->pid, answer, &count);
	else if (request->pid)
		reply->status = malloc_place_find(&state->malloc_places, request->pid, answer,
						  &count);
	else
		malloc_place_foresee(request->path, request->has_preload ? request->preload : NULL,
				     answer, &count);
	reply->size = count * sizeof(*answer);
}

/* A page that is not there was never written. */
static bool is_set(pid_t pid, uint64_t address)
{
	_cleanup_(process_memory_close) struct process_memory memory = PROCESS_MEMORY_NONE;
	uint64_t word = 0;
	int error = process_memory_open(&memory, pid);

	if (!error)
		error = process_memory_read(&memory, address, &word, sizeof(word));
	return word || (error && error != -ENODATA);
}

static void handle_heap(void *context, const void *given, size_t size, struct inspect_reply *reply)
{
	const struct inspect_heap_request *request = given;

	reply->status = heap_inside_read(request->pid, request->budget_ns,
					 (struct heap_inside *)reply->bytes);
	if (!reply->status && request->finalizing && is_set(request->pid, request->finalizing))
		reply->status = -ECANCELED;
	reply->size = reply->status ? 0 : sizeof(struct heap_inside);
}

static void handle_census(void *context, const void *given, size_t size,
			  struct inspect_reply *reply)
{
	const struct inspect_census_request *request = given;
	const struct census_limits limits = { request->budget_ns, CENSUS_BYTES };
	struct packed_bytes bytes = { 0 };
	struct census census;

	reply->status = census_take(request->pid, &limits, &census);
	if (reply->status)
		return;
	census_write(&census, &bytes);
	if (bytes.size <= reply->capacity) {
		memcpy(reply->bytes, bytes.bytes, bytes.size);
		reply->size = bytes.size;
	} else {
		reply->status = -E2BIG;
	}
	packed_bytes_free(&bytes);
	census_free(&census);
}

static const struct inspect_kind kinds[NR_INSPECT_TARGETS] = {
	[INSPECT_PLACE] = { "interpreters of processes", sizeof(struct inspect_process_request),
			    sizeof(struct inspect_place), handle_place },
	[INSPECT_FORESEE] = { "interpreters of commands", sizeof(struct inspect_foresee_request),
			      INSPECT_ENTRIES * sizeof(struct inspect_entry), handle_foresee },
	[INSPECT_FILE] = { "call counts", sizeof(struct inspect_file_request), 0, handle_file },
	[INSPECT_FRAMES] = { "frames that stand", sizeof(struct inspect_memory_request),
			     MAX_STANDING * sizeof(struct python_frame), handle_frames },
	[INSPECT_CODE] = { "calls that go on", sizeof(struct inspect_memory_request),
			   sizeof(struct inspect_code), handle_code },
	[INSPECT_OBJECTS] = { "names of objects", sizeof(struct inspect_objects_request),
			      INSPECT_OBJECT_BATCH *(sizeof(inspect_name_bytes) + MAX_NAME_BYTES),
			      inspect_handle_objects },
	[INSPECT_NAME] = { "qualified names", sizeof(struct inspect_name_request),
			   QUALIFIED_NAME_MAX_BYTES + 1, inspect_handle_name },
	[INSPECT_LINES] = { "texts of source lines", sizeof(struct inspect_lines_request),
			    INSPECT_LINES_BATCH *SOURCE_LINE_BYTES, inspect_handle_lines },
	[INSPECT_PROCESS] = { "command lines", sizeof(struct inspect_process_request),
			      sizeof(struct inspect_process), handle_process },
	[INSPECT_VARIABLE] = { "the caller's PATH", sizeof(struct inspect_variable_request),
			       INSPECT_PATH_LIST_BYTES, handle_variable },
	[INSPECT_MALLOC] = { "allocators", sizeof(struct inspect_malloc_request),
			     MAX_MALLOC_FILES * sizeof(struct malloc_file), handle_malloc },
	[INSPECT_HEAP] = { "what is free inside allocators", sizeof(struct inspect_heap_request),
			   sizeof(struct heap_inside), handle_heap, HEAP_URGENT_CPU_MS },
	[INSPECT_CENSUS] = { "censuses of objects", sizeof(struct inspect_census_request),
			     CENSUS_MAX_WRITTEN, handle_census, CENSUS_URGENT_CPU_MS,
			     CENSUS_CPU_MS },
	[INSPECT_QUEUES] = { "queues of work", sizeof(struct inspect_queues_request),
			     sizeof(struct queue_plan), handle_queues },
	[INSPECT_UNWIND] = { "C frames", sizeof(struct inspect_unwind_request),
			     INSPECT_UNWIND_BYTES, inspect_handle_unwind },
	[INSPECT_FUNCTIONS] = { "names of C functions", sizeof(struct inspect_functions_request),
				FUNCTION_NAMES_BATCH * sizeof(struct function_name),
				inspect_handle_functions },
	[INSPECT_MIMALLOC] = { "Pythons' own allocators", sizeof(struct inspect_process_request),
			       sizeof(uint32_t), handle_mimalloc },
	[INSPECT_CELL] = { "cells of notebooks", sizeof(struct inspect_cell_request),
			   CELL_MAX_BYTES, inspect_handle_cell },
};

const struct inspect_service inspect_targets = { kinds, NR_INSPECT_TARGETS, inspect_state_new };
