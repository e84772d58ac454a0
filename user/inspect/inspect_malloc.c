/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking for allocators, and checking what comes back; see inspect_malloc.h. */
#include "inspect_malloc.h"

#include <errno.h>
#include <string.h>

#include <memprobe/wire.h>

#include "inspect_check.h"
#include "inspect_request.h"
#include "memory.h"

static bool is_sane_site(const struct malloc_site *site)
{
	return site->call && site->call < NR_ALLOC_CALLS && site->is_slow <= 1 &&
	       site->has_context <= 1 && site->is_unfollowed <= 1 &&
	       site->has_return == (site->call != ALLOC_FREE && !site->is_unfollowed);
}

static bool is_sane(const struct malloc_file *file)
{
	const struct malloc_plan *plan = &file->plan;

	if (!plan->nr_sites || plan->nr_sites > MAX_MALLOC_SITES || plan->reason ||
	    !inspect_is_plain(plan->what, sizeof(plan->what)) ||
	    strnlen(file->path, sizeof(file->path)) == sizeof(file->path))
		return false;
	for (size_t i = 0; i < plan->nr_sites; i++)
		if (!is_sane_site(&plan->sites[i]))
			return false;
	return true;
}

static int ask(struct inspector *inspector, const struct inspect_malloc_request *request,
	       struct malloc_file *ret, size_t *ret_count)
{
	struct inspect_answer answer;
	int status = inspector_ask(inspector, INSPECT_MALLOC, request, sizeof(*request), &answer);
	const struct malloc_file *files = (const void *)answer.bytes;
	size_t count = status ? 0 : answer.size / sizeof(*files);

	if (!status && (answer.size % sizeof(*files) || count > MAX_MALLOC_FILES))
		status = -EPROTO;
	for (size_t i = 0; i < count && !status; i++)
		if (!is_sane(&files[i]))
			status = -EPROTO;
	if (!status && count)
		memcpy(ret, files, count * sizeof(*files));
	*ret_count = status ? 0 : count;
	inspect_answer_clear(&answer);
	return status;
}

int inspect_malloc(struct inspector *inspector, pid_t pid, struct malloc_file *ret,
		   size_t *ret_count)
{
	_cleanup_(freep) struct inspect_malloc_request *request = xcalloc(1, sizeof(*request));

	request->pid = pid;
	return ask(inspector, request, ret, ret_count);
}

int inspect_malloc_loading(struct inspector *inspector, pid_t pid, struct malloc_file *ret,
			   size_t *ret_count)
{
	_cleanup_(freep) struct inspect_malloc_request *request = xcalloc(1, sizeof(*request));

	request->pid = pid;
	request->is_loading = true;
	return ask(inspector, request, ret, ret_count);
}

int inspect_mimalloc(struct inspector *inspector, pid_t pid, bool *ret_has)
{
	const struct inspect_process_request request = { .pid = pid };
	struct inspect_answer answer;
	int status = inspector_ask(inspector, INSPECT_MIMALLOC, &request, sizeof(request), &answer);
	uint32_t has_mimalloc;

	if (!status && answer.size != sizeof(has_mimalloc))
		status = -EPROTO;
	if (!status) {
		memcpy(&has_mimalloc, answer.bytes, sizeof(has_mimalloc));
		*ret_has = has_mimalloc;
	}
	inspect_answer_clear(&answer);
	return status;
}

/* A list of preloaded files that is too long is foreseen without; what they are is found once they
 * are mapped. */
int inspect_malloc_foresee(struct inspector *inspector, const char *path, const char *preload,
			   struct malloc_file *ret, size_t *ret_count)
{
	_cleanup_(freep) struct inspect_malloc_request *request = xcalloc(1, sizeof(*request));

	*ret_count = 0;
	if (strlen(path) >= sizeof(request->path))
		return -ENAMETOOLONG;
	memcpy(request->path, path, strlen(path) + 1);
	request->has_preload = preload && strlen(preload) < sizeof(request->preload);
	if (request->has_preload)
		memcpy(request->preload, preload, strlen(preload) + 1);
	return ask(inspector, request, ret, ret_count);
}
