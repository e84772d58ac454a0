/* SPDX-License-Identifier: BSD-2-Clause */
/* See process_task.h. A task without memory has no program: its link `exe` leads nowhere. */
#include "process_task.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Who may not look learns nothing by another thread either. */
bool process_task_is_over(pid_t tid)
{
	char link[64], unused[2];

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)tid);
	return readlink(link, unused, sizeof(unused)) < 0 && errno == ENOENT;
}

static pid_t find_living(pid_t pid)
{
	const struct dirent *entry;
	pid_t found = pid;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && found == pid && (entry = readdir(tasks))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid > 0 && !process_task_is_over(tid))
			found = tid;
	}
	if (tasks)
		closedir(tasks);
	return found;
}

pid_t process_task(pid_t pid)
{
	return process_task_is_over(pid) ? find_living(pid) : pid;
}

bool process_has_lost_main(pid_t pid)
{
	return process_task(pid) != pid;
}
