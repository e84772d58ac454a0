/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts of /proc; see drain_process.h. */
#include "drain_process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <memprobe/limits.h>

#include "memory.h"
#include "process_task.h"

char *drain_join_arguments(const char *arguments, size_t size)
{
	char *text;

	while (size && !arguments[size - 1])
		size--;
	text = xmalloc(size + 1);
	for (size_t i = 0; i < size; i++)
		text[i] = arguments[i] ? arguments[i] : ' ';
	text[size] = '\0';
	return text;
}

static size_t read_file(uint32_t id, const char *name, char *ret, size_t size)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%u/%s", id, name);
	FILE *file = fopen(path, "re");
	size_t got = file ? fread(ret, 1, size, file) : 0;

	if (file)
		fclose(file);
	return got;
}

char *drain_read_command(struct inspector *inspector, uint32_t tgid, int *ret_status)
{
	struct inspect_process found;

	*ret_status = inspector ? inspect_process(inspector, (pid_t)tgid, &found) : -ENOSYS;
	if (*ret_status || !found.command_bytes)
		return NULL;
	return drain_join_arguments(found.command, found.command_bytes);
}

char *drain_read_directory(uint32_t tgid)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%d/cwd", (int)process_task((pid_t)tgid));
	char directory[4096];
	ssize_t length = readlink(path, directory, sizeof(directory));

	if (length <= 0 || length == sizeof(directory))
		return NULL;
	return xstrndup(directory, length);
}

char *drain_read_comm(uint32_t tid)
{
	char comm[COMM_BYTES + 1];
	size_t size = read_file(tid, "comm", comm, COMM_BYTES);

	comm[size] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	return size ? xstrdup(comm) : NULL;
}
