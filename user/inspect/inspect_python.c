/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking for interpreters, and checking what comes back; see inspect_python.h. */
#include "inspect_python.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "inspect_check.h"
#include "inspect_request.h"
#include "memory.h"

#define MAX_OFFSET 0x7fff /* as in _Py_DebugOffsets, debug_offsets.c */

/* ---- Checks ---- */

static bool is_ended(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

/* All u16 between these two are offsets, NO_OFFSET for those that a version has not. */
static bool has_sane_offsets(const struct wire_layout *layout)
{
	const size_t first = offsetof(struct wire_layout, interp_next),
		     last = offsetof(struct wire_layout, frame_bytes);

	for (size_t at = first; at < last; at += sizeof(uint16_t)) {
		uint16_t value;

		memcpy(&value, (const char *)layout + at, sizeof(value));
		if (value > MAX_OFFSET && value != NO_OFFSET)
			return false;
	}
	return layout->frame_bytes <= MAX_OFFSET && layout->code_bytes <= MAX_OFFSET;
}

static bool is_sane_plan(const struct probe_plan *plan)
{
	return plan->method <= PROBE_BY_UPROBE && plan->event <= PROBE_DEATHS &&
	       plan->frame <= PROBE_FRAME_ARG2 && plan->nr_sites <= MAX_PROBE_SITES &&
	       inspect_is_plain(plan->what, sizeof(plan->what));
}

static bool is_sane_interpreter(const struct interpreter *interpreter)
{
	const struct wire_layout *layout = &interpreter->layout;

	return inspect_is_plain(interpreter->version, sizeof(interpreter->version)) &&
	       layout->version >> 8 == 3 && layout->tstate_by <= TSTATE_BY_TLS &&
	       interpreter->ends.doubt < NR_RUNTIME_ENDS_DOUBTS && has_sane_offsets(layout);
}

/* One that can be walked, one that cannot and says why, or a file that claims too much. */
static bool is_sane(const struct inspect_entry *entry)
{
	if (!inspect_is_plain(entry->reason, sizeof(entry->reason)) ||
	    !inspect_is_plain(entry->plan_reason, sizeof(entry->plan_reason)) ||
	    !is_ended(entry->path, sizeof(entry->path)))
		return false;
	if (entry->status == -E2BIG)
		return !*entry->interpreter.version;
	if (entry->status == -ENOTSUP)
		return entry->has_reason && inspect_is_plain(entry->interpreter.version,
							     sizeof(entry->interpreter.version));
	return !entry->status && !entry->has_reason && is_sane_interpreter(&entry->interpreter) &&
	       is_sane_plan(&entry->plan);
}

static size_t adopt(struct interpreter_cache *cache, const struct inspect_entry *given)
{
	struct interpreter_entry entry = {
		.file = given->file,
		.changed_ns = given->changed_ns,
		.status = given->status,
		.search = INTERPRETER_ANY,
		.plan = given->plan,
		.interpreter = given->interpreter,
	};

	entry.path = given->has_path ? (char *)given->path : NULL;
	entry.interpreter.reason = given->has_reason ? given->reason : NULL;
	entry.plan.reason = given->has_plan_reason ? given->plan_reason : NULL;
	return interpreter_cache_adopt(cache, &entry);
}

/* ---- Questions ---- */

static int take_place(const struct inspect_answer *answer, int status,
		      struct interpreter_cache *cache, struct python_place *ret)
{
	const struct inspect_place *place = (const void *)answer->bytes;

	if (status && status != -ENOTSUP)
		return status;
	if (answer->size != sizeof(*place) || !is_ended(place->path, sizeof(place->path)) ||
	    place->entry.status != status || !is_sane(&place->entry))
		return -EPROTO;
	*ret = (struct python_place){
		.bias = place->bias,
		.file = place->entry.file,
		.index = adopt(cache, &place->entry),
		.path = xstrdup(place->path),
	};
	return status;
}

int inspect_place(struct inspector *inspector, pid_t pid, struct interpreter_cache *cache,
		  struct python_place *ret)
{
	const struct inspect_process_request request = {
		.pid = pid,
		.is_jit_expected = interpreter_cache_expects_jit(cache),
	};
	struct inspect_answer answer;
	int status = inspector_ask(inspector, INSPECT_PLACE, &request, sizeof(request), &answer);

	status = take_place(&answer, status, cache, ret);
	inspect_answer_clear(&answer);
	return status;
}

static int take_foreseen(const struct inspect_answer *answer, int status,
			 struct interpreter_cache *cache)
{
	const struct inspect_entry *entries = (const void *)answer->bytes;
	size_t count = answer->size / sizeof(*entries);

	if (answer->size % sizeof(*entries))
		return -EPROTO;
	for (size_t i = 0; i < count; i++) {
		if (!is_sane(&entries[i]))
			return -EPROTO;
		adopt(cache, &entries[i]);
	}
	return status;
}

int inspect_foresee(struct inspector *inspector, const char *path, const char *path_list,
		    const struct file_identity *program, struct interpreter_cache *cache)
{
	_cleanup_(freep) struct inspect_foresee_request *request = xcalloc(1, sizeof(*request));
	struct inspect_answer answer;
	int status;

	if (strlen(path) >= sizeof(request->path) ||
	    (path_list && strlen(path_list) >= sizeof(request->path_list)))
		return -ENAMETOOLONG;
	request->is_jit_expected = interpreter_cache_expects_jit(cache);
	request->has_path_list = path_list != NULL;
	if (program)
		request->program = *program;
	memcpy(request->path, path, strlen(path) + 1);
	if (path_list)
		memcpy(request->path_list, path_list, strlen(path_list) + 1);
	status = inspector_ask(inspector, INSPECT_FORESEE, request, sizeof(*request), &answer);
	status = take_foreseen(&answer, status, cache);
	inspect_answer_clear(&answer);
	return status;
}

int inspect_file_at(struct inspector *inspector, pid_t pid, struct file_identity file,
		    const char *path)
{
	_cleanup_(freep) struct inspect_file_request *request = xcalloc(1, sizeof(*request));
	struct inspect_answer answer;
	struct stat status;
	int error, fd;

	if (strlen(path) >= sizeof(request->path))
		return -ENAMETOOLONG;
	request->pid = pid;
	request->file = file;
	memcpy(request->path, path, strlen(path) + 1);
	error = inspector_ask(inspector, INSPECT_FILE, request, sizeof(*request), &answer);
	fd = answer.fd;
	answer.fd = -1;
	inspect_answer_clear(&answer);
	if (!error && (fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode)))
		error = -EPROTO;
	if (error)
		closep(&fd);
	return error ? error : fd;
}

int inspect_file(struct inspector *inspector, pid_t pid, struct file_identity file)
{
	return inspect_file_at(inspector, pid, file, "");
}

int inspect_frames(struct inspector *inspector, pid_t pid, uint64_t bias,
		   const struct wire_layout *layout, struct python_frame **ret)
{
	const struct inspect_memory_request request = {
		.pid = pid,
		.address = bias,
		.layout = *layout,
	};
	struct inspect_answer answer;
	int status = inspector_ask(inspector, INSPECT_FRAMES, &request, sizeof(request), &answer);

	*ret = NULL;
	if (!status && answer.size % sizeof(**ret))
		status = -EPROTO;
	if (!status) {
		status = (int)(answer.size / sizeof(**ret));
		*ret = (void *)TAKE(answer.bytes);
	}
	inspect_answer_clear(&answer);
	return status;
}

int inspect_code(struct inspector *inspector, pid_t pid, const struct wire_layout *layout,
		 uint64_t code, struct inspected_code *ret)
{
	const struct inspect_memory_request request = {
		.pid = pid,
		.address = code,
		.layout = *layout,
	};
	const struct inspect_code *found;
	struct inspect_answer answer;
	int status = inspector_ask(inspector, INSPECT_CODE, &request, sizeof(request), &answer);

	found = (const void *)answer.bytes;
	if (!status &&
	    (answer.size != sizeof(*found) || !is_ended(found->file, sizeof(found->file)) ||
	     !is_ended(found->name, sizeof(found->name))))
		status = -EPROTO;
	if (!status)
		*ret = (struct inspected_code){
			.line = found->line,
			.flags = found->flags,
			.file = xstrdup(found->file),
			.name = xstrdup(found->name),
		};
	inspect_answer_clear(&answer);
	return status;
}

void inspected_code_clear(struct inspected_code *code)
{
	free(code->file);
	free(code->name);
	*code = (struct inspected_code){ 0 };
}
