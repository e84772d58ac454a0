/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll and timerfd; see loop.h. */
#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"

#define NS_PER_S 1000000000LL

int loop_open(struct loop *ret)
{
	*ret = (struct loop){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
	return ret->epoll < 0 ? -errno : 0;
}

void loop_close(struct loop *loop)
{
	for (size_t i = 0; i < loop->nr_watched; i++)
		if (loop->watched[i].is_timer)
			closep(&loop->watched[i].fd);
	closep(&loop->epoll);
	*loop = (struct loop){ .epoll = -1 };
}

int loop_watch(struct loop *loop, int fd, const struct loop_handler *handler)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = loop->nr_watched };

	if (loop->nr_watched == MAX_LOOP_HANDLERS)
		return -ENOSPC;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	loop->watched[loop->nr_watched].fd = fd;
	loop->watched[loop->nr_watched++].handler = *handler;
	return 0;
}

int loop_add_timer(struct loop *loop, int64_t first_ns, int64_t interval_ns,
		   const struct loop_handler *handler)
{
	const struct itimerspec when = {
		.it_value = { first_ns / NS_PER_S, first_ns % NS_PER_S },
		.it_interval = { interval_ns / NS_PER_S, interval_ns % NS_PER_S },
	};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), error = 0;

	if (fd < 0 || timerfd_settime(fd, 0, &when, NULL))
		error = -errno;
	if (!error)
		error = loop_watch(loop, fd, handler);
	if (error)
		closep(&fd);
	else
		loop->watched[loop->nr_watched - 1].is_timer = true;
	return error;
}

static void handle(const struct loop *loop, uint64_t index)
{
	const struct loop_handler *handler = &loop->watched[index].handler;
	uint64_t expirations;

	if (loop->watched[index].is_timer &&
	    read(loop->watched[index].fd, &expirations, sizeof(expirations)) < 0)
		return;
	handler->ready(handler->context);
}

void loop_run(struct loop *loop, void *context, bool (*goes_on)(void *context))
{
	struct epoll_event events[MAX_LOOP_HANDLERS];

	while (goes_on(context)) {
		int count = epoll_wait(loop->epoll, events, ARRAY_SIZE(events), -1);

		for (int i = 0; i < count; i++)
			handle(loop, events[i].data.u64);
	}
}
