/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of what processes named; see report_lines.h. */
#include "report_lines.h"

#include <string.h>

#include "identity.h"
#include "inspect_cells.h"
#include "memory.h"

void report_lines_init(struct report_lines *ret, const struct profile *profile, bool keep_root)
{
	struct identity identity;

	identity_read(keep_root, &identity);
	*ret = (struct report_lines){
		.profile = profile,
		.has_caller = identity.is_other,
		.caller = identity_user(&identity),
	};
	identity_free(&identity);
}

static struct target_user user_of(const struct report_lines *lines, uint32_t index)
{
	const struct process *process = &lines->profile->processes[index];

	if (lines->has_caller)
		return lines->caller;
	return process->has_user ? target_user_of(process->uid, process->gid)
				 : target_user_nobody();
}

/* A dump's names are opened with the rights of whom it is read by. */
static void set_user(const struct report_lines *lines, uint32_t process,
		     struct inspect_source *source)
{
	source->has_user = lines->profile || lines->has_caller;
	if (lines->profile)
		source->user = user_of(lines, process);
	else
		source->user = lines->caller;
}

/* Of a notebook that still runs; a dump has none. */
static void read_cell(struct report_lines *lines, uint32_t index, const char *name,
		      struct source_line *ret, size_t count)
{
	const struct process *process = lines->profile ? &lines->profile->processes[index] : NULL;
	uint32_t number = (uint32_t)strtoul(name + strlen("In ["), NULL, 10);

	if (process && process->end == END_RUNNING && number)
		inspect_cell_lines(lines->inspector, (pid_t)process->pid, number, ret, count);
}

static void read_lines(void *context, uint32_t process, const char *path, struct source_line *ret,
		       size_t count)
{
	struct report_lines *lines = context;
	_cleanup_(freep) struct inspect_lines_request *request = xcalloc(1, sizeof(*request));

	if (strlen(path) >= sizeof(request->source.path))
		return;
	if (!lines->inspector)
		lines->inspector = inspector_new(&inspect_targets);
	if (label_is_cell(path)) {
		read_cell(lines, process, path, ret, count);
		return;
	}
	set_user(lines, process, &request->source);
	request->source.is_here = 1;
	request->source.before_ns = INSPECT_ANY_AGE;
	memcpy(request->source.path, path, strlen(path) + 1);
	for (size_t done = 0; done < count && lines->bytes < REPORT_LINES_MAX_BYTES;
	     done += request->count) {
		uint64_t bytes = 0;

		request->count = count - done < INSPECT_LINES_BATCH ? count - done
								    : INSPECT_LINES_BATCH;
		for (uint32_t i = 0; i < request->count; i++)
			request->numbers[i] = ret[done + i].number;
		if (inspect_source_lines(lines->inspector, request, ret + done, &bytes))
			return;
		lines->bytes += bytes;
	}
}

void report_lines_clear(struct report_lines *lines)
{
	inspector_free(lines->inspector);
	lines->inspector = NULL;
}

struct report_sources report_lines_sources(struct report_lines *lines)
{
	return (struct report_sources){ .context = lines, .read = read_lines };
}
