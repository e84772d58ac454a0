/* SPDX-License-Identifier: BSD-2-Clause */
/* By /proc/PID/stat; see process_begin.h. */
#include "process_begin.h"

#include <unistd.h>

#include "clock.h"
#include "process_stat.h"

#define MAX_PARENTS 4096
#define NS_PER_S 1000000000ULL

/* A tick later than it says, being rounded down: within its first no Python has read a source. */
static uint64_t to_wall(unsigned long long ticks)
{
	uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);

	return clock_wall_ns() - clock_boot_ns() + (ticks + 1) * tick_ns;
}

uint64_t process_program_began(pid_t pid)
{
	struct process_stat stat;

	for (int i = 0; i < MAX_PARENTS && pid > 0; i++) {
		if (process_stat_read(pid, &stat))
			return 0;
		if (!(stat.flags & PF_FORKNOEXEC))
			return to_wall(stat.began);
		pid = stat.ppid;
	}
	return 0;
}
