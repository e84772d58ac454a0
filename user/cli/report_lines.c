/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of what processes named; see report_lines.h. */
#include "report_lines.h"

#include <errno.h>
#include <string.h>

#include "identity.h"
#include "inspect_cells.h"
#include "log.h"
#include "memory.h"

#define NS_PER_S 1000000000LL

void report_lines_init(struct report_lines *ret, const struct profile *profile, bool is_captured,
		       bool keep_root)
{
	struct identity identity;

	identity_read(keep_root, &identity);
	*ret = (struct report_lines){
		.profile = profile,
		.is_captured = is_captured,
		.has_caller = identity.is_other,
		.caller = identity_user(&identity),
	};
	identity_free(&identity);
}

static struct target_user user_of(const struct report_lines *lines, const struct process *process)
{
	if (lines->has_caller)
		return lines->caller;
	return process->has_user ? target_user_of(process->uid, process->gid)
				 : target_user_nobody();
}

/* A dump's names are opened with the rights of whom it is read by. */
static void set_user(const struct report_lines *lines, const struct process *process,
		     struct inspect_source *source)
{
	source->has_user = lines->is_captured || lines->has_caller;
	if (lines->is_captured)
		source->user = user_of(lines, process);
	else
		source->user = lines->caller;
}

/* Dumps of older versions say when the capture began, in seconds, and nothing else. */
static uint64_t age_in_old_dump(const struct report_lines *lines)
{
	int64_t started_s = lines->profile->meta.started_s;

	return started_s >= 0 && started_s < INT64_MAX / NS_PER_S - 1 ? (started_s + 1) * NS_PER_S
								      : 0;
}

/* False: the file that the process read is nowhere by now. */
static bool set_place(const struct report_lines *lines, const struct process *process,
		      struct inspect_source *source)
{
	source->before_ns = process->program_ns;
	if (!lines->is_captured && process->sources == SOURCES_UNKNOWN)
		source->before_ns = age_in_old_dump(lines);
	source->is_here = process->sources == SOURCES_HERE ||
			  (!lines->is_captured && process->sources == SOURCES_UNKNOWN);
	if (source->is_here)
		return true;
	source->pid = (int32_t)process->pid;
	source->root.inode = process->root_inode;
	source->root.mount = process->root_mount;
	return lines->is_captured && process->end == END_RUNNING &&
	       process->sources == SOURCES_ELSEWHERE;
}

/* Said once a file. */
static void note_change(struct report_lines *lines, const char *path)
{
	uint64_t key = hash_bytes(path, strlen(path), 0);
	uint32_t unused;

	if (hash_table_get(&lines->told, key, &unused))
		return;
	log_note("no text of '%s': it has changed since the process began", path);
	hash_table_put(&lines->told, key, 0);
}

/* Of a notebook that still runs; a dump has none. */
static void read_cell(struct report_lines *lines, uint32_t index, const char *name,
		      struct source_line *ret, size_t count)
{
	const struct process *process = &lines->profile->processes[index];
	uint32_t number = (uint32_t)strtoul(name + strlen("In ["), NULL, 10);

	if (lines->is_captured && process->end == END_RUNNING && number)
		inspect_cell_lines(lines->inspector, (pid_t)process->pid, number, ret, count);
}

/* As many as a request has room for. */
static int read_batch(struct report_lines *lines, struct inspect_lines_request *request,
		      struct source_line *ret, size_t count)
{
	uint64_t bytes = 0;
	int error;

	request->count = count < INSPECT_LINES_BATCH ? count : INSPECT_LINES_BATCH;
	for (uint32_t i = 0; i < request->count; i++)
		request->numbers[i] = ret[i].number;
	error = inspect_source_lines(lines->inspector, request, ret, &bytes);
	lines->bytes += error ? 0 : bytes;
	return error;
}

static void read_file(struct report_lines *lines, const struct process *process, const char *path,
		      struct source_line *ret, size_t count)
{
	_cleanup_(freep) struct inspect_lines_request *request = xcalloc(1, sizeof(*request));
	int error = 0;

	if (strlen(path) >= sizeof(request->source.path) ||
	    !set_place(lines, process, &request->source))
		return;
	set_user(lines, process, &request->source);
	memcpy(request->source.path, path, strlen(path) + 1);
	for (size_t done = 0; done < count && !error && lines->bytes < REPORT_LINES_MAX_BYTES;
	     done += request->count)
		error = read_batch(lines, request, ret + done, count - done);
	if (error == -ESTALE)
		note_change(lines, path);
}

static void read_lines(void *context, uint32_t process, const char *path, struct source_line *ret,
		       size_t count)
{
	struct report_lines *lines = context;

	if (!lines->inspector)
		lines->inspector = inspector_new(&inspect_targets);
	if (label_is_cell(path))
		read_cell(lines, process, path, ret, count);
	else
		read_file(lines, &lines->profile->processes[process], path, ret, count);
}

void report_lines_clear(struct report_lines *lines)
{
	inspector_free(lines->inspector);
	lines->inspector = NULL;
	hash_table_free(&lines->told);
}

struct report_sources report_lines_sources(struct report_lines *lines)
{
	return (struct report_sources){ .context = lines, .read = read_lines };
}
