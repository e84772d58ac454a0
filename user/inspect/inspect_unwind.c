/* SPDX-License-Identifier: BSD-2-Clause */
/* See inspect_unwind.h. */
#include "inspect_unwind.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "file_change.h"
#include "inspect_request.h"
#include "mapped_file.h"
#include "memory.h"
#include "python_place.h"

/* ---- Rows for unwinding ---- */

/* What is loaded together lies together, and the later the lower; the program comes first. */
static void note_others(const struct process_maps *maps, struct inspect_unwind *ret)
{
	for (size_t i = 0; i < maps->nr_mappings && ret->nr_others < INSPECT_UNWIND_OTHERS; i++) {
		const struct process_mapping *mapping = &maps->mappings[i];

		if (mapping->is_executable && mapping->file.ino)
			ret->others[ret->nr_others++] =
				(struct inspect_unwind_other){ mapping->file, mapping->start };
	}
}

/* NULL: none. A file that is just being loaded may lie by a shift elsewhere than room was found for
 * it, and its code be mapped a moment later. */
static const struct process_mapping *find_mapping(const struct process_maps *maps,
						  const struct inspect_unwind_request *request)
{
	const struct process_mapping *at = process_maps_at(maps, request->address);

	if (!request->file.ino)
		return at && at->is_executable && at->file.ino ? at : NULL;
	if (at && file_identity_is(at->file, request->file))
		return at;
	for (size_t i = 0; i < maps->nr_mappings; i++)
		if (file_identity_is(maps->mappings[i].file, request->file))
			return &maps->mappings[i];
	return NULL;
}

/* The file that is asked for, and what it is; or -errno. */
static int open_mapped(const struct inspect_unwind_request *request, struct inspect_unwind *ret)
{
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	int error = process_maps_read(request->pid, &maps);
	const struct process_mapping *mapping;

	if (error)
		return error == -ENOENT ? -ESRCH : error;
	mapping = find_mapping(&maps, request);
	if (!mapping)
		return -ENOENT;
	note_others(&maps, ret);
	ret->file.ino = mapping->file.ino;
	ret->file.dev = (uint32_t)mapping->file.dev;
	snprintf(ret->path, sizeof(ret->path), "%s",
		 strlen(mapping->path) < sizeof(ret->path) ? mapping->path : "");
	return mapped_file_open(request->pid, mapping, INTERPRETER_MAX_BYTES);
}

static int open_foreseen(const struct inspect_unwind_request *request, struct inspect_unwind *ret)
{
	ret->file.ino = request->file.ino;
	ret->file.dev = (uint32_t)request->file.dev;
	memcpy(ret->path, request->path, sizeof(ret->path));
	return mapped_file_open_here(request->file, request->path, INTERPRETER_MAX_BYTES);
}

static int read_rows(int fd, struct inspect_unwind *ret, struct unwind_table *ret_table)
{
	int64_t changed_ns;
	int error = mapped_file_may_block(fd) ? -EOPNOTSUPP : file_change_begin(fd, &changed_ns);

	if (error)
		return error;
	ret->file.changed_ns = (uint64_t)changed_ns;
	ret->status = unwind_table_read(fd, ret_table);
	return file_change_check(fd, changed_ns);
}

static void *put(void *at, const void *bytes, size_t size)
{
	if (size)
		memcpy(at, bytes, size);
	return (uint8_t *)at + size;
}

void inspect_handle_unwind(void *context, const void *given, size_t size,
			   struct inspect_reply *reply)
{
	const struct inspect_unwind_request *request = given;
	_cleanup_(unwind_table_clear) struct unwind_table table = { 0 };
	_cleanup_(freep) struct inspect_unwind *answer = xcalloc(1, sizeof(*answer));
	_cleanup_(closep) int fd = request->pid ? open_mapped(request, answer)
						: open_foreseen(request, answer);
	uint8_t *end = reply->bytes;

	reply->status = fd < 0 ? fd : read_rows(fd, answer, &table);
	if (reply->status)
		return;
	answer->nr_rows = (uint32_t)table.nr_rows;
	answer->nr_rules = (uint32_t)table.nr_rules;
	end = put(end, answer, sizeof(*answer));
	end = put(end, table.rows, table.nr_rows * sizeof(*table.rows));
	end = put(end, table.rules, table.nr_rules * sizeof(*table.rules));
	reply->size = (size_t)(end - reply->bytes);
}

/* ---- Names ---- */

/* Where nothing maps it any more it may lie where it was found, seen from its process or from us.
 */
static int open_named(const struct inspect_functions_request *request)
{
	const struct file_identity file = { request->file.dev, request->file.ino };
	int fd = python_place_open_any(request->pid, file, request->path), here;

	if (fd >= 0 || request->path[0] != '/')
		return fd;
	here = mapped_file_open_here(file, request->path, INTERPRETER_MAX_BYTES);
	return here < 0 ? fd : here;
}

void inspect_handle_functions(void *context, const void *given, size_t size,
			      struct inspect_reply *reply)
{
	const struct inspect_functions_request *request = given;
	const int64_t changed_ns = (int64_t)request->file.changed_ns;
	struct function_name *names = (struct function_name *)reply->bytes;
	_cleanup_(closep) int fd = open_named(request);

	reply->status = fd < 0 ? fd : file_change_check(fd, changed_ns);
	if (!reply->status && mapped_file_may_block(fd))
		reply->status = -EOPNOTSUPP;
	if (!reply->status)
		reply->status = function_names_read(fd, request->begins, request->count, names);
	if (!reply->status)
		reply->status = file_change_check(fd, changed_ns);
	reply->size = reply->status ? 0 : request->count * sizeof(*names);
}
