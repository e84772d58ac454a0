/* SPDX-License-Identifier: BSD-2-Clause */
/* A process in the memory of another that takes blocks and gives some back, and one that waits for
 * it without a program of its own. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_BLOCKS 1000
#define STACK_BYTES 65536

static void *volatile blocks[NR_BLOCKS];

static int run(void *nothing)
{
	(void)nothing;
	for (int i = 0; i < NR_BLOCKS; i++)
		blocks[i] = malloc(3000);
	for (int i = 0; i < NR_BLOCKS / 2; i++)
		free(blocks[i]);
	_exit(0);
}

int beside(void)
{
	static _Alignas(16) char stack[STACK_BYTES];
	int pid = clone(run, stack + STACK_BYTES, CLONE_VM | SIGCHLD, NULL);

	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

int by_vfork(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}
