/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of a flush; see flush.h. */
#include "flush.h"

#include <unistd.h>

#include "clock.h"
#include "grace_period.h"

#define BALANCE_TRIES 5 /* pauses of 2, 4 and 8 ms */
#define BALANCE_TRIES_AT_ONCE 2

static void take_balance(const struct flush *flush)
{
	if (!flush->base->loader->features.has_percpu_counters)
		loader_iterate(flush->base->loader, LOADER_SETTLE);
	loader_iterate(flush->base->loader, LOADER_BALANCE);
}

/* Events come while the counters are read: a balance without differences may need more tries. A
 * thread that has moved a counter and not told of it yet may wait for its processor meanwhile, as
 * in a machine whose processors take turns: so the second try is at once, and each further one
 * after twice as long a pause, 14 ms in all. */
static void settle(const struct flush *flush, int tries)
{
	for (int i = 0; i < tries; i++) {
		if (i > 1)
			usleep(500U << i);
		take_balance(flush);
		drain_records(flush->base->drain);
		if (drain_is_balanced(flush->base->drain))
			break;
	}
}

static uint64_t set_duration(const struct flush *flush)
{
	return flush->base->profile->meta.duration_ns = clock_ns() - flush->start_ns;
}

void flush_now(const struct flush *flush)
{
	settle(flush, BALANCE_TRIES_AT_ONCE);
	drain_all(flush->base->drain);
	drain_name_objects(flush->base->drain);
	for (size_t i = 0; i < flush->nr_listeners; i++) {
		const struct flush_listener *listener = &flush->listeners[i];

		if (listener->flush)
			listener->flush(listener->context, flush->base->profile,
					set_duration(flush));
	}
}

void flush_end(const struct flush *flush)
{
	settle(flush, BALANCE_TRIES);
	loader_detach(flush->base->loader);
	/* A program that began before its link was closed may still run on another CPU, between an
	 * event's books and who holds its pages: what is read then would not add up. */
	if (drain_has_images(flush->base->drain))
		grace_period_wait();
	drain_finish(flush->base->drain, clock_ns());
	for (size_t i = 0; i < flush->nr_listeners; i++) {
		const struct flush_listener *listener = &flush->listeners[i];

		if (listener->end)
			listener->end(listener->context, flush->base->profile, set_duration(flush));
	}
	set_duration(flush);
	flush->base->profile->meta.is_complete = true;
}
