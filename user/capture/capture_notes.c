/* SPDX-License-Identifier: BSD-2-Clause */
/* See capture_notes.h. */
#include "capture_notes.h"

#include "tell.h"

static void on_attached(void *context, uint32_t tgid)
{
	log_note("attached to %u", tgid);
}

static void on_source_changed(void *context, const char *path)
{
	const struct capture_base *base = context;

	TELL_MISSING(base->waits,
		     "cannot qualify names in '%s': it has changed since the process began, or is "
		     "not what runs; names stay plain",
		     path);
}

struct drain_listener capture_notes_hear_drain(const struct capture_base *base)
{
	return (struct drain_listener){
		.context = (void *)base,
		.attached = on_attached,
		.source_changed = on_source_changed,
	};
}

void capture_notes_gave_up(const struct capture_base *base, const char *what)
{
	TELL_MISSING(base->waits,
		     "cannot inspect '%s': it takes too long or fails, continuing without %s",
		     "targets", what);
}
