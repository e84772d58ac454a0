/* SPDX-License-Identifier: BSD-2-Clause */
/* One Python whose calls are counted, in a session of each kind of kernel, of each version of it,
 * where starts of frames are seen and where ends are. */
#ifndef MEMPROBE_TEST_CALLS_FIXTURE_H
#define MEMPROBE_TEST_CALLS_FIXTURE_H

#include "python_memory.h"
#include "session.h"

/* While a check runs. */
extern struct python python;
extern struct task_struct *task; /* its main thread, in <module> of /srv/app.py */
extern bool is_by_ends;

/* Runs a check in each such session, which must be sound after it. */
void on_each(void (*check)(void));

/* A code object of /srv/app.py. */
__u64 function(const char *name);

#endif
