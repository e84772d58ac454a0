/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of what processes named; see report_lines.h. */
#include "report_lines.h"

#include <errno.h>
#include <unistd.h>

#include "identity.h"
#include "memory.h"
#include "source_lines.h"
#include "target_open.h"

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
static int open_source(const struct report_lines *lines, uint32_t process, const char *path)
{
	struct target_user user;

	if (!lines->profile)
		return target_open_here(path, lines->has_caller ? &lines->caller : NULL,
					SOURCE_LINES_MAX_BYTES);
	user = user_of(lines, process);
	return target_open_here(path, &user, SOURCE_LINES_MAX_BYTES);
}

static void read_lines(void *context, uint32_t process, const char *path, struct source_line *ret,
		       size_t count)
{
	struct report_lines *lines = context;
	_cleanup_(closep) int fd = -1;

	if (lines->bytes >= REPORT_LINES_MAX_BYTES)
		return;
	fd = open_source(lines, process, path);
	if (fd >= 0)
		lines->bytes += source_lines_read(fd, ret, count);
}

struct report_sources report_lines_sources(struct report_lines *lines)
{
	return (struct report_sources){ .context = lines, .read = read_lines };
}
