/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process whose main thread has ended while others run on has no memory by its own number: its
 * maps are empty, its exe leads nowhere, its state is that of a zombie. By the number of a thread
 * that lives /proc shows all of it.
 */
#ifndef MEMPROBE_PROCESS_TASK_H
#define MEMPROBE_PROCESS_TASK_H

#include <stdbool.h>
#include <sys/types.h>

/* The number under which /proc shows the memory of the process: pid, or that of a living thread. */
pid_t process_task(pid_t pid);
/* Has this task given its memory up? False also where that cannot be seen. */
bool process_task_is_over(pid_t tid);
/* Its main thread has ended, and others have not. */
bool process_has_lost_main(pid_t pid);

#endif
