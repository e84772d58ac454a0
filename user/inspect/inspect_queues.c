/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking for queues, and checking what comes back; see inspect_queues.h. */
#include "inspect_queues.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <memprobe/wire.h>

#include "inspect_request.h"
#include "memory.h"

static bool is_sane(const struct queue_plan *plan)
{
	if (plan->nr_sites > MAX_QUEUE_SITES)
		return false;
	for (size_t i = 0; i < plan->nr_sites; i++)
		if (!plan->sites[i].call || plan->sites[i].call >= NR_QUEUE_CALLS)
			return false;
	return true;
}

static int take(const struct inspect_answer *answer, struct queue_plan *ret)
{
	struct stat status;

	if (answer->size != sizeof(*ret) || answer->fd < 0 || fstat(answer->fd, &status) ||
	    !S_ISREG(status.st_mode))
		return -EPROTO;
	memcpy(ret, answer->bytes, sizeof(*ret));
	return is_sane(ret) ? 0 : -EPROTO;
}

int inspect_queues(struct inspector *inspector, pid_t pid, const struct interpreter_entry *entry,
		   enum queue_file file, struct queue_plan *ret)
{
	_cleanup_(freep) struct inspect_queues_request *request = xcalloc(1, sizeof(*request));
	struct inspect_answer answer;
	int error, fd = -1;

	if (!entry->path || strlen(entry->path) >= sizeof(request->path))
		return -ENOENT;
	request->pid = pid;
	request->file_of = file;
	request->version = entry->interpreter.layout.version;
	request->file = entry->file;
	memcpy(request->path, entry->path, strlen(entry->path) + 1);
	error = inspector_ask(inspector, INSPECT_QUEUES, request, sizeof(*request), &answer);
	if (!error)
		error = take(&answer, ret);
	if (!error) {
		fd = answer.fd;
		answer.fd = -1;
	}
	inspect_answer_clear(&answer);
	return error ? error : fd;
}
