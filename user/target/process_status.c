/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of NAME:\tVALUE; see process_status.h. The kernel escapes line ends in names of processes.
 */
#include "process_status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int process_status_read(pid_t pid, char **ret)
{
	char path[64], *text = NULL;
	size_t size = 0;
	int error = 0;
	FILE *file;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	else
		snprintf(path, sizeof(path), "/proc/self/status");
	file = fopen(path, "re");
	if (!file)
		return -errno;
	errno = 0;
	if (getdelim(&text, &size, '\0', file) <= 0)
		error = errno ? -errno : -ESRCH;
	fclose(file);
	if (error)
		free(text);
	else
		*ret = text;
	return error;
}

const char *process_status_field(const char *text, const char *name)
{
	size_t length = strlen(name);

	while (text && !(strncmp(text, name, length) == 0 && text[length] == ':')) {
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return text ? text + length + 1 : "";
}
