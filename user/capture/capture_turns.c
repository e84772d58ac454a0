/* SPDX-License-Identifier: BSD-2-Clause */
/* One turn of the loop after the other; see capture_turns.h. */
#include "capture_turns.h"

#include <string.h>

#include "capture_notes.h"
#include "error_hints.h"
#include "log.h"

#define FLUSH_NS 500000000LL
#define NS_PER_S 1000000000LL

static void on_gave_up(void *context, const char *what)
{
	const struct capture *capture = context;

	capture_notes_gave_up(&capture->base, what);
}

static bool is_urgent(void *context)
{
	struct capture *capture = context;

	return signals_are_urgent(&capture->signals);
}

void capture_turns_hear_inspector(struct capture *capture, bool takes_signals)
{
	const struct inspector_listener listener = {
		.context = capture,
		.gave_up = on_gave_up,
		.is_urgent = takes_signals ? is_urgent : NULL,
		.fd = capture->signals.fd,
	};

	inspector_listen(capture->base.inspector, &listener);
}

static void on_records(void *context)
{
	struct capture *capture = context;

	drain_take_records(capture->base.drain);
	c_functions_wake(capture->c_functions);
}

static void on_forked(void *context)
{
	struct capture *capture = context;

	pythons_plan_late(capture->pythons);
}

/* One piece, as records may tell of what is more urgent. */
static void on_no_record(void *context)
{
	struct capture *capture = context;

	if (!c_functions_make_rows(capture->c_functions) &&
	    !drain_name_functions(capture->base.drain))
		c_functions_rest(capture->c_functions);
}

static void on_signals(void *context)
{
	struct capture *capture = context;

	signals_take(&capture->signals);
}

static void on_flush(void *context)
{
	const struct capture *capture = context;

	flush_now(&capture->flush);
}

static void on_time_over(void *context)
{
	struct capture *capture = context;

	capture->is_time_over = true;
}

/* It is written between two rounds, as one that a signal asks for. */
static void on_snapshot_due(void *context)
{
	struct capture *capture = context;

	capture->signals.wants_snapshot = true;
}

static int refuse_watching(const char *what, int error)
{
	log_error("cannot watch '%s': %s", what, strerror(-error));
	error_hint_print(ERROR_OF_OURSELF, error);
	return EXIT_FAILURE_OWN;
}

int capture_turns_open(struct capture *capture)
{
	const struct loop_handler records = { capture, on_records };
	const struct loop_handler forked = { capture, on_forked };
	const struct loop_handler later = { capture, on_no_record };
	const struct loop_handler signals = { capture, on_signals };
	const struct loop_handler flush = { capture, on_flush };
	int error = signals_open(&capture->signals, &capture->command);

	if (!error)
		error = loop_open(&capture->loop);
	if (!error)
		error = loop_watch(&capture->loop, drain_fd(capture->base.drain), &records);
	if (!error && pythons_fd(capture->pythons) >= 0)
		error = loop_watch(&capture->loop, pythons_fd(capture->pythons), &forked);
	if (!error && c_functions_fd(capture->c_functions) >= 0)
		error = loop_watch(&capture->loop, c_functions_fd(capture->c_functions), &later);
	if (!error)
		error = loop_watch(&capture->loop, capture->signals.fd, &signals);
	if (!error)
		error = loop_add_timer(&capture->loop, FLUSH_NS, FLUSH_NS, &flush);
	if (error)
		return refuse_watching("signals", error);
	capture_turns_hear_inspector(capture, true);
	return 0;
}

int capture_turns_begin_timers(struct capture *capture)
{
	const struct loop_handler over = { capture, on_time_over };
	const struct loop_handler due = { capture, on_snapshot_due };
	int64_t duration_ns = (int64_t)(capture->options->duration_s * NS_PER_S);
	int64_t every_ns = (int64_t)(capture->options->every_s * NS_PER_S);
	int error = 0;

	if (duration_ns)
		error = loop_add_timer(&capture->loop, duration_ns, 0, &over);
	if (!error && every_ns)
		error = loop_add_timer(&capture->loop, every_ns, every_ns, &due);
	return error ? refuse_watching("the time", error) : 0;
}

/* Between two rounds: signals may have been taken in any of them, and before the first. */
static bool goes_on(void *context)
{
	struct capture *capture = context;
	struct signals *signals = &capture->signals;

	if (signals->wants_snapshot) {
		signals->wants_snapshot = false;
		flush_now(&capture->flush);
		snapshot_write(&capture->snapshot, capture->output);
	}
	if (signals->has_command_ended) {
		signals->has_command_ended = false;
		end_watch_expect(&capture->end_watch);
	}
	if (signals->is_over || capture->is_time_over)
		return false;
	return capture->command.pid > 0 || !end_watch_look(&capture->end_watch);
}

void capture_turns_run(struct capture *capture)
{
	loop_run(&capture->loop, capture, goes_on);
}
