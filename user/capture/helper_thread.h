/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that do beside the loop what takes the kernel long. */
#ifndef MEMPROBE_HELPER_THREAD_H
#define MEMPROBE_HELPER_THREAD_H

#include <pthread.h>

/* With all signals blocked in it: they are the loop's. -errno. */
int helper_thread_begin(pthread_t *ret, void *(*run)(void *context), void *context);

#endif
