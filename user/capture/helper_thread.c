/* SPDX-License-Identifier: BSD-2-Clause */
/* See helper_thread.h. */
#include "helper_thread.h"

#include <signal.h>

int helper_thread_begin(pthread_t *ret, void *(*run)(void *context), void *context)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(ret, NULL, run, context);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}
