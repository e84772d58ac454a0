/* SPDX-License-Identifier: BSD-2-Clause */
/* When they are wanted; see wakes.h. */
#include "wakes.h"

#include <string.h>

#include "loader_second.h"
#include "memory.h"
#include "memprobe.skel.h"
#include "tell.h"

struct wakes {
	const struct capture_base *base;
	struct loader_second programs;
	bool was_tried;
};

struct wakes *wakes_new(const struct capture_base *base)
{
	struct wakes *wakes;

	if (!loader_has_owners(base->loader))
		return NULL;
	wakes = xcalloc(1, sizeof(*wakes));
	wakes->base = base;
	return wakes;
}

void wakes_free(struct wakes *wakes)
{
	if (!wakes)
		return;
	loader_second_close(&wakes->programs);
	free(wakes);
}

static void on_wakes_wanted(void *context, uint32_t tgid)
{
	struct wakes *wakes = context;
	int error;

	(void)tgid; /* the programs see all processes that are followed */
	if (wakes->was_tried)
		return;
	wakes->was_tried = true;
	error = loader_second_load(wakes->base->loader, &second_wakes, &wakes->programs);
	if (!error)
		error = loader_second_attach(&wakes->programs);
	if (!error) {
		__atomic_store_n(&wakes->base->loader->skeleton->bss->wakes_followed, 1,
				 __ATOMIC_SEQ_CST);
		return;
	}
	loader_second_close(&wakes->programs);
	TELL_MISSING(wakes->base->waits,
		     "cannot follow 'wake-ups': %s, continuing without whom pools work for",
		     strerror(-error));
}

struct drain_listener wakes_hear_drain(struct wakes *wakes)
{
	if (!wakes)
		return (struct drain_listener){ 0 };
	return (struct drain_listener){ .context = wakes, .wakes_wanted = on_wakes_wanted };
}
