/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at the table of processes only when one may have left it; see end_watch.h. */
#include "end_watch.h"

#include <bpf/bpf.h>

#include "clock.h"

#define TEARDOWN_NS 1000000000 /* an address space may be held by others: waited for no longer */

void end_watch_expect(struct end_watch *watch)
{
	watch->is_possible = true;
}

static bool is_anyone_left(const struct end_watch *watch)
{
	uint32_t tgid;

	return !bpf_map_get_next_key(loader_map(watch->base->loader, "processes"), NULL, &tgid);
}

bool end_watch_look(struct end_watch *watch)
{
	if (!watch->is_possible)
		return false;
	if (is_anyone_left(watch)) {
		watch->is_possible = false;
		watch->last_end_ns = 0;
		return false;
	}
	if (!watch->last_end_ns)
		watch->last_end_ns = clock_ns();
	return !drain_has_images(watch->base->drain) ||
	       clock_ns() - watch->last_end_ns > TEARDOWN_NS;
}

static void on_process_ended(void *context, uint32_t tgid)
{
	end_watch_expect(context);
}

struct drain_listener end_watch_hear_drain(struct end_watch *watch)
{
	return (struct drain_listener){ .context = watch, .process_ended = on_process_ended };
}

/* Should the record of an end have been lost. */
static void on_flush(void *context, struct profile *profile, uint64_t now_ns)
{
	end_watch_expect(context);
}

struct flush_listener end_watch_hear_flush(struct end_watch *watch)
{
	return (struct flush_listener){ .context = watch, .flush = on_flush };
}
