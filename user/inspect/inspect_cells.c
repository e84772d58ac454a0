/* SPDX-License-Identifier: BSD-2-Clause */
/* See inspect_cells.h and python_cells.h. */
#include "inspect_cells.h"

#include <errno.h>
#include <string.h>

#include "census_layout.h"
#include "inspect_request.h"
#include "inspect_state.h"
#include "memory.h"
#include "python_cells.h"
#include "python_place.h"
#include "source_lines.h"

#define MAX_INTERPRETERS 64

int inspect_cell_number(struct inspector *inspector, pid_t pid, const char *file, uint32_t *ret)
{
	_cleanup_(freep) struct inspect_cell_request *request = xcalloc(1, sizeof(*request));
	struct inspect_answer answer;
	int status;

	if (strlen(file) >= sizeof(request->file))
		return -ENAMETOOLONG;
	request->pid = pid;
	memcpy(request->file, file, strlen(file) + 1);
	status = inspector_ask(inspector, INSPECT_CELL, request, sizeof(*request), &answer);
	if (!status && answer.size != sizeof(*ret))
		status = -EPROTO;
	if (!status)
		memcpy(ret, answer.bytes, sizeof(*ret));
	inspect_answer_clear(&answer);
	return status;
}

int inspect_cell_lines(struct inspector *inspector, pid_t pid, uint32_t number,
		       struct source_line *ret, size_t count)
{
	_cleanup_(freep) struct inspect_cell_request *request = xcalloc(1, sizeof(*request));
	_cleanup_(freep) char *text = NULL;
	struct inspect_answer answer;
	int status;

	request->pid = pid;
	request->number = number;
	status = inspector_ask(inspector, INSPECT_CELL, request, sizeof(*request), &answer);
	if (!status && answer.size > CELL_MAX_BYTES)
		status = -EPROTO;
	if (!status)
		text = xstrndup((const char *)answer.bytes, answer.size);
	inspect_answer_clear(&answer);
	if (!status)
		source_lines_of(text, ret, count);
	return status;
}

/* What was asked for, in one interpreter's modules. */
static int answer(struct python_reader *reader, uint64_t modules,
		  const struct inspect_cell_request *request, struct inspect_reply *reply)
{
	_cleanup_(freep) char *text = NULL;
	uint32_t number;
	int err;

	if (!request->number) {
		err = python_cell_number(reader, modules, request->file, &number);
		if (err)
			return err;
		memcpy(reply->bytes, &number, sizeof(number));
		reply->size = sizeof(number);
		return 0;
	}
	err = python_cell_text(reader, modules, request->number, &text);
	if (err)
		return err;
	reply->size = strnlen(text, CELL_MAX_BYTES);
	memcpy(reply->bytes, text, reply->size);
	return 0;
}

/* Of all interpreters of a process, which are a list from the newest to the main one. */
static int answer_any(struct python_reader *reader, uint64_t head,
		      const struct inspect_cell_request *request, struct inspect_reply *reply)
{
	struct census_layout layout;
	uint64_t interpreter, modules;
	int err = census_layout_find(reader->wire.version, &layout);

	if (!err)
		err = python_reader_u64(reader, head, &interpreter);
	for (int i = 0; !err && interpreter && i < MAX_INTERPRETERS; i++) {
		err = python_reader_u64(reader, interpreter + layout.interp_modules, &modules);
		if (!err && !answer(reader, modules, request, reply))
			return 0;
		err = python_reader_u64(reader, interpreter + reader->wire.interp_next,
					&interpreter);
	}
	return -ENOENT;
}

static int look(const struct inspect_cell_request *request, const struct interpreter *interpreter,
		uint64_t bias, struct inspect_reply *reply)
{
	_cleanup_(process_memory_close) struct process_memory memory = PROCESS_MEMORY_NONE;
	const struct wire_layout *wire = &interpreter->layout;
	struct python_reader reader;
	int err = python_reader_init_process(&reader, wire, &memory);

	if (!err && !wire->interpreters_vaddr)
		err = -ENOTSUP;
	if (!err)
		err = process_memory_open(&memory, request->pid);
	return err ? err : answer_any(&reader, wire->interpreters_vaddr + bias, request, reply);
}

void inspect_handle_cell(void *context, const void *given, size_t size, struct inspect_reply *reply)
{
	const struct inspect_cell_request *request = given;
	struct inspect_state *state = context;
	struct python_place place = { 0 };

	reply->status = python_place_find(request->pid, state->cache, &place);
	if (reply->status)
		return;
	reply->status = look(request, &interpreter_cache_at(state->cache, place.index)->interpreter,
			     place.bias, reply);
	python_place_clear(&place);
}
