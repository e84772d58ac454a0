/* SPDX-License-Identifier: BSD-2-Clause */
/* One line, read at once; see process_stat.h. */
#include "process_stat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The name may hold blanks and parentheses; behind the last `)` only numbers follow. */
int process_stat_read(pid_t pid, struct process_stat *ret)
{
	char path[64], text[1024], *rest;
	unsigned long user, system;
	FILE *file;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest,
			    ") %c %d %d %d %*d %*d %u %*u %*u %lu %*u %lu %lu "
			    "%*d %*d %*d %*d %*d %*d %llu",
			    &ret->state, &ret->ppid, &ret->group, &ret->session, &ret->flags,
			    &ret->faults, &user, &system, &ret->began) != 9)
		return -EINVAL;
	ret->ticks = user + system;
	return 0;
}
