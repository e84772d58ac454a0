/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Source files in the inspecting process; see inspect_sources.h. Definitions are kept by file,
 * since forty names may lead to one of 15 MB, and up to a size: then all are forgotten, and read
 * again when asked for. What is read in one run has a limit as well.
 */
#include "inspect_sources.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect_state.h"
#include "memory.h"
#include "source_lines.h"
#include "target_open.h"

#define KEPT_BYTES SOURCE_MAX_BYTES /* the definitions in 16 MB take 300 MB at worst */
#define PARSED_BYTES (16ULL * SOURCE_MAX_BYTES)

/* In the process's own root and with its own rights, while it lives. */
static int open_source(const struct inspect_name_request *request)
{
	struct target_user living;
	int fd = -ESRCH;

	if (!target_user_read(request->pid, &living))
		fd = target_open_inside(request->pid, request->path, &living, SOURCE_MAX_BYTES);
	if (fd < 0)
		fd = target_open_here(request->path, &request->user, SOURCE_MAX_BYTES);
	return fd;
}

static void forget(struct inspect_state *state)
{
	for (size_t i = 0; i < state->nr_sources; i++)
		source_names_free(state->sources[i].names);
	state->nr_sources = 0;
	state->kept_bytes = 0;
	hash_table_free(&state->source_ids);
}

static uint32_t add_source(struct inspect_state *state, const struct parsed_source *source)
{
	state->sources = array_reserve(state->sources, &state->sources_capacity,
				       state->nr_sources + 1, sizeof(*state->sources));
	state->sources[state->nr_sources] = *source;
	return (uint32_t)state->nr_sources++;
}

/* The same file by another name. */
static bool find_parsed(const struct inspect_state *state, const struct parsed_source *wanted,
			uint32_t *ret)
{
	for (size_t i = 0; i < state->nr_sources; i++) {
		const struct parsed_source *known = &state->sources[i];

		if (known->names && known->ino == wanted->ino && known->dev == wanted->dev &&
		    known->size == wanted->size && known->changed_ns == wanted->changed_ns &&
		    known->version == wanted->version) {
			*ret = (uint32_t)i;
			return true;
		}
	}
	return false;
}

static uint32_t parse(struct inspect_state *state, int fd, uint32_t version)
{
	struct parsed_source source = { .version = version };
	struct stat status;
	uint32_t index;

	if (fd < 0 || fstat(fd, &status))
		return add_source(state, &source);
	source.dev = status.st_dev;
	source.ino = status.st_ino;
	source.size = (uint64_t)status.st_size;
	source.changed_ns = status.st_ctim.tv_sec * 1000000000ULL + status.st_ctim.tv_nsec;
	if (find_parsed(state, &source, &index))
		return index;
	state->parsed_bytes += source.size;
	if (state->parsed_bytes > PARSED_BYTES)
		return add_source(state, &(struct parsed_source){ 0 });
	if (state->kept_bytes + source.size > KEPT_BYTES)
		forget(state);
	state->kept_bytes += source.size;
	if (source_names_read(fd, version & 0xff, &source.names))
		source.names = NULL;
	return add_source(state, &source);
}

static struct source_names *find_names(struct inspect_state *state,
				       const struct inspect_name_request *request)
{
	uint64_t key = hash_bytes(request->path, strlen(request->path), request->version);
	_cleanup_(closep) int fd = -1;
	uint32_t index;

	if (hash_table_get(&state->source_ids, key, &index))
		return state->sources[index].names;
	fd = open_source(request);
	index = parse(state, fd, request->version);
	hash_table_put(&state->source_ids, key, index);
	return state->sources[index].names;
}

void inspect_handle_name(void *context, const void *given, size_t size, struct inspect_reply *reply)
{
	const struct inspect_name_request *request = given;
	struct source_names *names = find_names(context, request);
	const char *qualified;

	if (!names) {
		reply->status = -ENODATA;
		return;
	}
	qualified = source_names_find(names, request->name, request->line);
	if (!qualified) {
		reply->status = -ENOENT;
		return;
	}
	reply->size = strlen(qualified);
	memcpy(reply->bytes, qualified, reply->size);
}

void inspect_handle_lines(void *context, const void *given, size_t size,
			  struct inspect_reply *reply)
{
	const struct inspect_lines_request *request = given;
	const struct target_user *user = request->has_user ? &request->user : NULL;
	_cleanup_(freep) struct source_line *lines = xcalloc(request->count, sizeof(*lines));
	_cleanup_(closep) int fd = -1;
	inspect_lines_bytes bytes;

	fd = request->pid
		     ? target_open_inside(request->pid, request->path, user, SOURCE_LINES_MAX_BYTES)
		     : target_open_here(request->path, user, SOURCE_LINES_MAX_BYTES);
	if (fd < 0) {
		reply->status = fd;
		return;
	}
	for (uint32_t i = 0; i < request->count; i++)
		lines[i].number = request->numbers[i];
	bytes = source_lines_read(fd, lines, request->count);
	memcpy(reply->bytes, &bytes, sizeof(bytes));
	for (uint32_t i = 0; i < request->count; i++)
		memcpy(reply->bytes + sizeof(bytes) + (size_t)i * SOURCE_LINE_BYTES, lines[i].text,
		       SOURCE_LINE_BYTES);
	reply->size = sizeof(bytes) + (size_t)request->count * SOURCE_LINE_BYTES;
}
