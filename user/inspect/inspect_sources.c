/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Source files in the inspecting process; see inspect_sources.h. Definitions are kept by file,
 * since forty names may lead to one of 15 MB, and up to a size: then all are forgotten, and read
 * again when asked for. What is read in one run has a limit as well. Which file a path is, each
 * process has asked for itself.
 */
#include "inspect_sources.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_change.h"
#include "inspect_state.h"
#include "memory.h"
#include "source_lines.h"
#include "target_open.h"

#define KEPT_BYTES SOURCE_MAX_BYTES /* the definitions in 16 MB take 300 MB at worst */
#define PARSED_BYTES (16ULL * SOURCE_MAX_BYTES)
#define KEPT_PATHS 65536 /* of all processes; what is in the files stays known */

/* In the place of an index. */
#define SOURCE_UNREADABLE UINT32_MAX
#define SOURCE_CHANGED (UINT32_MAX - 1)

/* By its change time, which nobody can set: the other one is often kept by who replaces a file. */
static int check_age(int fd, uint64_t before_ns)
{
	struct stat status;

	if (before_ns == INSPECT_ANY_AGE)
		return 0;
	if (fstat(fd, &status))
		return -errno;
	return (uint64_t)file_change_time(&status) > before_ns ? -ESTALE : 0;
}

/* What is no longer in its own root is nowhere: in ours another file may have its path. */
static int open_source(const struct inspect_source *source, const struct target_user *user,
		       uint64_t max_bytes)
{
	int fd = -ESRCH, error;

	if (source->is_here)
		fd = target_open_here(source->path, user, max_bytes);
	else if (source->pid)
		fd = target_open_within(source->pid, &source->root, source->path, user, max_bytes);
	if (fd < 0)
		return fd;
	error = check_age(fd, source->before_ns);
	if (!error)
		return fd;
	close(fd);
	return error;
}

/* With the process's own rights while it lives. */
static int open_as_namer(const struct inspect_source *source)
{
	struct target_user living;
	bool lives = source->pid && !target_user_read(source->pid, &living);

	return open_source(source, lives ? &living : &source->user, SOURCE_MAX_BYTES);
}

static void forget(struct inspect_state *state)
{
	for (size_t i = 0; i < state->nr_sources; i++)
		source_names_free(state->sources[i].names);
	state->nr_sources = 0;
	state->kept_bytes = 0;
	hash_table_free(&state->source_ids);
	hash_table_free(&state->parsed_ids);
}

static uint32_t add_source(struct inspect_state *state, const struct parsed_source *source)
{
	state->sources = array_reserve(state->sources, &state->sources_capacity,
				       state->nr_sources + 1, sizeof(*state->sources));
	state->sources[state->nr_sources] = *source;
	return (uint32_t)state->nr_sources++;
}

static uint64_t identity_of(const struct parsed_source *source)
{
	const uint64_t numbers[] = { source->dev, source->ino, source->size, source->changed_ns,
				     source->version };

	return hash_bytes(numbers, sizeof(numbers), 0);
}

static void identify(const struct stat *status, struct parsed_source *ret)
{
	ret->dev = status->st_dev;
	ret->ino = status->st_ino;
	ret->size = (uint64_t)status->st_size;
	ret->changed_ns = (uint64_t)file_change_time(status);
}

/* NULL also where it was written to meanwhile. */
static struct source_names *read_names(int fd, const struct parsed_source *source)
{
	struct source_names *names;

	if (source_names_read(fd, source->version & 0xff, &names))
		return NULL;
	if (!check_age(fd, source->changed_ns))
		return names;
	source_names_free(names);
	return NULL;
}

static uint32_t parse(struct inspect_state *state, int fd, uint32_t version)
{
	struct parsed_source source = { .version = version };
	struct stat status;
	uint32_t index;

	if (fstat(fd, &status))
		return SOURCE_UNREADABLE;
	identify(&status, &source);
	/* The same file by another name, or of another process. */
	if (hash_table_get(&state->parsed_ids, identity_of(&source), &index))
		return index;
	state->parsed_bytes += source.size;
	if (state->parsed_bytes > PARSED_BYTES)
		return SOURCE_UNREADABLE;
	if (state->kept_bytes + source.size > KEPT_BYTES)
		forget(state);
	state->kept_bytes += source.size;
	source.names = read_names(fd, &source);
	index = add_source(state, &source);
	hash_table_put(&state->parsed_ids, identity_of(&source), index);
	return index;
}

/* Processes have files of their own at one path, and rights of their own. */
static uint64_t key_of(const struct inspect_name_request *request)
{
	const struct inspect_source *source = &request->source;
	const uint64_t numbers[] = { request->process, request->version, source->is_here };

	return hash_bytes(source->path, strlen(source->path),
			  hash_bytes(numbers, sizeof(numbers), 0));
}

static uint32_t find_source(struct inspect_state *state, const struct inspect_name_request *request)
{
	uint64_t key = key_of(request);
	_cleanup_(closep) int fd = -1;
	uint32_t index;

	if (hash_table_get(&state->source_ids, key, &index))
		return index;
	fd = open_as_namer(&request->source);
	if (fd >= 0)
		index = parse(state, fd, request->version);
	else
		index = fd == -ESTALE ? SOURCE_CHANGED : SOURCE_UNREADABLE;
	if (state->source_ids.count >= KEPT_PATHS)
		hash_table_free(&state->source_ids);
	hash_table_put(&state->source_ids, key, index);
	return index;
}

/* 0, or -errno as inspect_qualified_name. */
static int find_names(struct inspect_state *state, const struct inspect_name_request *request,
		      struct source_names **ret)
{
	uint32_t index = find_source(state, request);

	if (index == SOURCE_CHANGED)
		return -ESTALE;
	*ret = index == SOURCE_UNREADABLE ? NULL : state->sources[index].names;
	return *ret ? 0 : -ENODATA;
}

void inspect_handle_name(void *context, const void *given, size_t size, struct inspect_reply *reply)
{
	const struct inspect_name_request *request = given;
	struct source_names *names = NULL;
	const char *qualified;

	reply->status = find_names(context, request, &names);
	if (reply->status)
		return;
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
	const struct inspect_source *source = &request->source;
	_cleanup_(freep) struct source_line *lines = xcalloc(request->count, sizeof(*lines));
	_cleanup_(closep) int fd = -1;
	inspect_lines_bytes bytes;

	fd = open_source(source, source->has_user ? &source->user : NULL, SOURCE_LINES_MAX_BYTES);
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
