/* SPDX-License-Identifier: BSD-2-Clause */
/* A descriptor of /proc/PID/mem stays with the memory that was there; see process_program.h. */
#include "process_program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "memory.h"
#include "process_task.h"

/* Of a memory that nobody uses any more nothing is read, and of one that somebody does an error at
 * an address where nothing ever is (mem_rw, fs/proc/base.c). */
static bool is_unused(int memory)
{
	char nothing;

	return !pread(memory, &nothing, 1, 0);
}

int process_program_open(pid_t pid, struct process_program *ret)
{
	char path[64];
	int memory;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)process_task(pid));
	memory = open(path, O_RDONLY | O_CLOEXEC);
	if (memory < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if (is_unused(memory)) {
		close(memory);
		return -ESRCH;
	}
	*ret = (struct process_program){ memory };
	return 0;
}

bool process_program_is_gone(const struct process_program *program)
{
	return program->memory >= 0 && is_unused(program->memory);
}

void process_program_close(struct process_program *program)
{
	closep(&program->memory);
}
