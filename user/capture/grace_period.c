/* SPDX-License-Identifier: BSD-2-Clause */
/* See grace_period.h, and membarrier(2): MEMBARRIER_CMD_GLOBAL is synchronize_rcu(). */
#include "grace_period.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

void grace_period_wait(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}
