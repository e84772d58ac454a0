/* SPDX-License-Identifier: BSD-2-Clause */
/* Who hears whom; see capture_parts.h. */
#include "capture_parts.h"

#include <errno.h>
#include <string.h>

#include "capture_meta.h"
#include "capture_notes.h"
#include "clock.h"
#include "error_hints.h"
#include "insides.h"
#include "log.h"
#include "memory.h"

int capture_parts_open_drain(struct capture *capture)
{
	const struct capture_options *options = capture->options;
	struct capture_base *base = &capture->base;

	base->profile = profile_new();
	capture_meta_fill(options, &base->profile->meta);
	capture->flush.start_ns = clock_ns();
	base->drain = drain_new(base->loader, base->profile, capture->flush.start_ns);
	if (!base->drain) {
		int error = -errno;

		log_error("cannot map 'ring buffer': %s", strerror(-error));
		error_hint_print(ERROR_OF_OURSELF, error);
		return EXIT_FAILURE_OWN;
	}
	drain_set_inspector(base->drain, base->inspector,
			    capture->identity.is_other ? &capture->caller : NULL);
	drain_set_parts(base->drain, options->lines, options->instances);
	return 0;
}

int capture_parts_make(struct capture *capture)
{
	const struct capture_options *options = capture->options;
	const struct capture_base *base = &capture->base;

	capture->counting = counting_new(base, options->calls_mode == CALLS_MODE_OFF);
	capture->code_watch = code_watch_new(base);
	capture->wakes = wakes_new(base);
	capture->submitters = submitters_new(base);
	capture->c_functions = c_functions_new(base);
	capture->moments = moments_new();
	capture->cow = cow_new(base, options->cow);
	capture->allocs = allocs_new(base);
	capture->progress.drain = base->drain;
	capture->end_watch.base = base;
	capture->censuses = (struct censuses){ base, options->objects, options->freeze };
	capture->finalizing = finalizing_new(base, &capture->censuses,
					     options->objects || options->allocs);
	capture->pythons = pythons_new(
		base,
		&(struct python_listeners){ capture->counting, capture->code_watch,
					    capture->finalizing, capture->submitters },
		options->label_attributes);
	capture->snapshot.base = base;
	capture->snapshot.censuses = &capture->censuses;
	capture->snapshot.is_split = options->lines || options->instances;
	return 0;
}

/* First who finds interpreters: others ask for what was found. */
int capture_parts_listen_to_drain(struct capture *capture)
{
	const struct drain_listener listeners[] = {
		pythons_hear_drain(capture->pythons),
		counting_hear_drain(capture->counting),
		moments_hear_drain(capture->moments),
		end_watch_hear_drain(&capture->end_watch),
		capture_notes_hear_drain(&capture->base),
		cow_hear_drain(capture->cow),
		allocs_hear_drain(capture->allocs),
		code_watch_hear_drain(capture->code_watch),
		wakes_hear_drain(capture->wakes),
		finalizing_hear_drain(capture->finalizing),
		submitters_hear_drain(capture->submitters),
		c_functions_hear_drain(capture->c_functions),
	};

	for (size_t i = 0; i < ARRAY_SIZE(listeners); i++)
		drain_listen(capture->base.drain, &listeners[i]);
	return 0;
}

/* The dump comes behind all that change the profile. */
int capture_parts_listen_to_flushes(struct capture *capture)
{
	const struct flush_listener listeners[] = {
		pythons_hear_flush(capture->pythons),
		counting_hear_flush(capture->counting),
		cow_hear_flush(capture->cow),
		allocs_hear_flush(capture->allocs),
		submitters_hear_flush(capture->submitters),
		finalizing_hear_flush(capture->finalizing),
		end_watch_hear_flush(&capture->end_watch),
		snapshot_hear_flush(&capture->snapshot),
		insides_hear_flush(&capture->base),
		censuses_hear_flush(&capture->censuses),
		moments_hear_flush(capture->moments),
		output_hear_flush(capture->output),
		progress_hear_flush(&capture->progress),
	};

	_Static_assert(ARRAY_SIZE(listeners) <= MAX_FLUSH_LISTENERS, "capture.flush_listeners");
	memcpy(capture->flush_listeners, listeners, sizeof(listeners));
	capture->flush.nr_listeners = ARRAY_SIZE(listeners) - !progress_is_wanted();
	return 0;
}
