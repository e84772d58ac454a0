/* SPDX-License-Identifier: BSD-2-Clause */
/* A queue and a timer; see fork_plans.h. */
#include "fork_plans.h"

#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"
#include "memory.h"

#define WAIT_NS 10000000ULL
#define NS_PER_S 1000000000ULL

struct plan {
	uint32_t process, layout;
	uint64_t due_ns;
};

struct fork_plans {
	const struct profile *profile;
	fork_plan *attach;
	void *context;
	int timer;
	struct plan *queue; /* the first is due first */
	size_t count, capacity;
};

struct fork_plans *fork_plans_new(const struct profile *profile, fork_plan *attach, void *context)
{
	struct fork_plans *plans;
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (timer < 0)
		return NULL;
	plans = xcalloc(1, sizeof(*plans));
	*plans = (struct fork_plans){
		.profile = profile,
		.attach = attach,
		.context = context,
		.timer = timer,
	};
	return plans;
}

void fork_plans_free(struct fork_plans *plans)
{
	if (!plans)
		return;
	closep(&plans->timer);
	free(plans->queue);
	free(plans);
}

int fork_plans_fd(const struct fork_plans *plans)
{
	return plans->timer;
}

/* For the first of the queue; one that is due already is at once. */
static void set_timer(const struct fork_plans *plans)
{
	uint64_t due_ns = plans->queue[0].due_ns;
	const struct itimerspec when = {
		.it_value = { (time_t)(due_ns / NS_PER_S), (long)(due_ns % NS_PER_S) },
	};

	timerfd_settime(plans->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

void fork_plans_add(struct fork_plans *plans, uint32_t process, uint32_t layout)
{
	plans->queue = array_reserve(plans->queue, &plans->capacity, plans->count + 1,
				     sizeof(*plans->queue));
	plans->queue[plans->count++] = (struct plan){ process, layout, clock_ns() + WAIT_NS };
	if (plans->count == 1)
		set_timer(plans);
}

static struct plan take(struct fork_plans *plans)
{
	struct plan plan = plans->queue[0];

	memmove(plans->queue, plans->queue + 1, --plans->count * sizeof(*plans->queue));
	return plan;
}

void fork_plans_run(struct fork_plans *plans)
{
	uint64_t expirations, now_ns = clock_ns();
	bool has_attached = false;

	if (read(plans->timer, &expirations, sizeof(expirations)) < 0)
		return;
	while (plans->count && plans->queue[0].due_ns <= now_ns && !has_attached) {
		struct plan plan = take(plans);

		has_attached = plans->profile->processes[plan.process].end == END_RUNNING;
		if (has_attached)
			plans->attach(plans->context, plan.process, plan.layout);
	}
	if (plans->count)
		set_timer(plans);
}
