/* SPDX-License-Identifier: BSD-2-Clause */
/* Waits for descriptors and timers, each with its handler. */
#ifndef MEMPROBE_LOOP_H
#define MEMPROBE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_LOOP_HANDLERS 8

struct loop_handler {
	void *context;
	void (*ready)(void *context);
};

struct loop {
	int epoll;
	struct {
		struct loop_handler handler;
		int fd;
		bool is_timer; /* the loop's own */
	} watched[MAX_LOOP_HANDLERS];
	size_t nr_watched;
};

/* 0 or -errno. Closing accepts what was not opened, with epoll -1. */
int loop_open(struct loop *ret);
void loop_close(struct loop *loop);

/* 0 or -errno. Borrows the descriptor: the handler empties it. */
int loop_watch(struct loop *loop, int fd, const struct loop_handler *handler);
/* An interval of 0 is once. */
int loop_add_timer(struct loop *loop, int64_t first_ns, int64_t interval_ns,
		   const struct loop_handler *handler);

/* Before each round of handlers it is asked whether to go on. */
void loop_run(struct loop *loop, void *context, bool (*goes_on)(void *context));

#endif
