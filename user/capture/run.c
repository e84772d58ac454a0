/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One capture: the order of its steps, and who hears whom; see run.h.
 *
 * Everything that can be refused is refused before the command runs. The command then waits at a
 * gate until the programs are attached, so that nothing of it is missed. The loop waits for
 * urgent records, signals and the flush timer. At the end the balance is taken while events still
 * come, then the programs are detached, then what they left is read.
 */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "adopt.h"
#include "allocs.h"
#include "capture_meta.h"
#include "capture_notes.h"
#include "censuses.h"
#include "clock.h"
#include "command.h"
#include "command_refuse.h"
#include "counting.h"
#include "cow.h"
#include "drain.h"
#include "end_watch.h"
#include "finalizing.h"
#include "flush.h"
#include "inherited.h"
#include "insides.h"
#include "inspect_request.h"
#include "interpreters.h"
#include "error_hints.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "moment.h"
#include "output.h"
#include "preflight.h"
#include "programs.h"
#include "progress.h"
#include "pythons.h"
#include "signals.h"
#include "snapshot.h"

#define FLUSH_NS 500000000LL
#define NS_PER_S 1000000000LL
#define MAX_FLUSH_LISTENERS 13

struct capture {
	const struct capture_options *options;
	struct identity identity;
	struct target_user caller; /* the same, for opening files */
	struct inherited inherited;
	struct command command;
	struct adopted adopted;
	struct loader loader;
	struct capture_base base; /* all is owned */
	uint32_t expected_layout; /* of the command's interpreter, NO_LAYOUT */
	struct counting *counting;
	struct code_watch *code_watch;
	struct pythons *pythons;
	struct moments *moments;
	struct cow *cow;
	struct allocs *allocs;
	struct output *output;
	char *dump_path; /* where it can be read at the end, NULL */
	struct progress progress;
	struct snapshot snapshot;
	struct censuses censuses;
	struct finalizing *finalizing;
	struct end_watch end_watch;
	struct flush_listener flush_listeners[MAX_FLUSH_LISTENERS];
	struct flush flush;
	struct loop loop;
	struct signals signals;
	bool is_time_over; /* --duration */
};

static struct capture *kept; /* for capture_finish */

/* ---- Before the command ---- */

static int check_place(struct capture *capture)
{
	return preflight_place();
}

static int check_pids(struct capture *capture)
{
	const struct capture_options *options = capture->options;

	return adopt_check(&capture->adopted, options->pids, options->nr_pids,
			   !options->no_children);
}

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

/* Until signals are taken they end memprobe, as they end any program. */
static void hear_inspector(struct capture *capture, bool takes_signals)
{
	const struct inspector_listener listener = {
		.context = capture,
		.gave_up = on_gave_up,
		.is_urgent = takes_signals ? is_urgent : NULL,
		.fd = capture->signals.fd,
	};

	inspector_listen(capture->base.inspector, &listener);
}

static int begin_inspector(struct capture *capture)
{
	capture->base.inspector = inspector_new(&inspect_targets);
	hear_inspector(capture, false);
	return 0;
}

static int find_command(struct capture *capture)
{
	const struct preflight_caller caller = { &capture->identity, &capture->caller,
						 capture->base.inspector };
	char **words = capture->options->command;

	return words ? preflight_command(&caller, words[0], &capture->command) : 0;
}

/* Before the dump is made, whose name may have the command's pid. */
static int start_command(struct capture *capture)
{
	char **words = capture->options->command;
	int error = words ? command_start(&capture->command, words, &capture->identity,
					  &capture->inherited)
			  : 0;

	return error ? command_refuse(words[0], error) : 0;
}

static int open_output(struct capture *capture)
{
	const struct capture_options *options = capture->options;
	struct utsname system;
	const struct output_options output = {
		.path = options->output,
		.force = options->force,
		.identity = &capture->identity,
		.values = { .pid = options->command ? capture->command.pid : options->pids[0],
			    .host = uname(&system) ? NULL : system.nodename,
			    .time_s = time(NULL) },
	};

	return output_open(&output, &capture->output) ? EXIT_FAILURE_OWN : 0;
}

static int load(struct capture *capture)
{
	int status;

	capture->base.interpreters = interpreters_new(&capture->loader, capture->base.inspector);
	pythons_foresee(capture->base.interpreters, &capture->command, capture->adopted.pids,
			capture->adopted.nr_pids);
	status = programs_load(capture->options, capture->base.interpreters, &capture->loader);
	if (status)
		return status;
	capture->expected_layout = interpreters_register(capture->base.interpreters);
	/* A guess, so it decides neither what is loaded nor whose calls are counted. */
	if (capture->options->command && capture->expected_layout == NO_LAYOUT) {
		pythons_foresee_words(capture->base.interpreters, &capture->command,
				      capture->options->command);
		interpreters_register(capture->base.interpreters);
	}
	return 0;
}

/* ---- Who does what while it runs ---- */

static int open_drain(struct capture *capture)
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

static int make_parts(struct capture *capture)
{
	const struct capture_options *options = capture->options;
	const struct capture_base *base = &capture->base;

	capture->counting = counting_new(base, options->calls_mode == CALLS_MODE_OFF);
	capture->code_watch = code_watch_new(base);
	capture->moments = moments_new();
	capture->cow = cow_new(base, options->cow);
	capture->allocs = allocs_new(base);
	capture->progress.drain = base->drain;
	capture->end_watch.base = base;
	capture->censuses = (struct censuses){ base, options->objects, options->freeze };
	if (options->objects || options->allocs)
		capture->finalizing = finalizing_new(base, &capture->censuses);
	capture->pythons = pythons_new(base,
				       &(struct python_listeners){ capture->counting,
								   capture->code_watch,
								   capture->finalizing },
				       options->label_attributes);
	capture->snapshot.base = base;
	capture->snapshot.censuses = &capture->censuses;
	capture->snapshot.is_split = options->lines || options->instances;
	return 0;
}

static int listen_to_drain(struct capture *capture)
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
		finalizing_hear_drain(capture->finalizing),
	};

	for (size_t i = 0; i < ARRAY_SIZE(listeners); i++)
		drain_listen(capture->base.drain, &listeners[i]);
	return 0;
}

/* The dump comes behind all that change the profile. */
static int listen_to_flushes(struct capture *capture)
{
	const struct flush_listener listeners[] = {
		pythons_hear_flush(capture->pythons),
		counting_hear_flush(capture->counting),
		cow_hear_flush(capture->cow),
		allocs_hear_flush(capture->allocs),
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

/* ---- What the loop waits for ---- */

static void on_records(void *context)
{
	struct capture *capture = context;

	drain_records(capture->base.drain);
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

static int open_loop(struct capture *capture)
{
	const struct loop_handler records = { capture, on_records };
	const struct loop_handler signals = { capture, on_signals };
	const struct loop_handler flush = { capture, on_flush };
	int error = signals_open(&capture->signals, &capture->command);

	if (!error)
		error = loop_open(&capture->loop);
	if (!error)
		error = loop_watch(&capture->loop, drain_fd(capture->base.drain), &records);
	if (!error)
		error = loop_watch(&capture->loop, capture->signals.fd, &signals);
	if (!error)
		error = loop_add_timer(&capture->loop, FLUSH_NS, FLUSH_NS, &flush);
	if (error)
		return refuse_watching("signals", error);
	hear_inspector(capture, true);
	return 0;
}

static int begin_timers(struct capture *capture)
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

/* ---- Start and end ---- */

static int run_command(struct capture *capture)
{
	struct command *command = &capture->command;
	int status = programs_follow(&capture->loader, (uint32_t)command->pid, (uint32_t)getpid());
	int error;

	if (!status)
		status = programs_attach(&capture->loader);
	if (status)
		return status;
	cow_begin(capture->cow);
	counting_begin_command(capture->counting, (uint32_t)command->pid, capture->expected_layout);
	allocs_begin_command(capture->allocs, (uint32_t)command->pid, command->path);
	finalizing_begin_command(capture->finalizing, (uint32_t)command->pid,
				 capture->expected_layout);
	capture->flush.start_ns = clock_ns();
	drain_set_start(capture->base.drain, capture->flush.start_ns);
	error = command_release(command);
	return error ? command_refuse(capture->options->command[0], error) : 0;
}

static int attach(struct capture *capture)
{
	int status = programs_attach(&capture->loader);

	if (status)
		return status;
	cow_begin(capture->cow);
	pythons_set_adopting(capture->pythons, true);
	status = adopt_all(&capture->adopted, &capture->loader, capture->base.drain,
			   capture->base.profile);
	pythons_set_adopting(capture->pythons, false);
	return status;
}

static int begin(struct capture *capture)
{
	return capture->options->command ? run_command(capture) : attach(capture);
}

static int set_up(struct capture *capture)
{
	static int (*const steps[])(struct capture *) = {
		check_place,	   check_pids, begin_inspector, find_command, start_command,
		open_output,	   load,       open_drain,	make_parts,   listen_to_drain,
		listen_to_flushes, open_loop,  begin,		begin_timers,
	};
	int status = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && !status; i++)
		status = steps[i](capture);
	return status;
}

static int exit_status(const struct capture *capture)
{
	const struct command *command = &capture->command;

	if (capture->signals.is_hasty)
		return EXIT_SIGNAL_BASE + signals_last(&capture->signals);
	if (!capture->options->command || command->status < 0)
		return 0;
	if (WIFSIGNALED(command->status))
		return EXIT_SIGNAL_BASE + WTERMSIG(command->status);
	return WEXITSTATUS(command->status);
}

static void release(struct capture *capture)
{
	command_abort(&capture->command);
	command_free(&capture->command);
	drain_free(capture->base.drain);
	counting_free(capture->counting);
	finalizing_free(capture->finalizing);
	pythons_free(capture->pythons);
	interpreters_free(capture->base.interpreters);
	inspector_free(capture->base.inspector);
	adopt_free(&capture->adopted);
	moments_free(capture->moments);
	cow_free(capture->cow);
	allocs_free(capture->allocs);
	code_watch_free(capture->code_watch);
	loader_close(&capture->loader);
	loop_close(&capture->loop);
	signals_close(&capture->signals);
	identity_free(&capture->identity);
	free(capture->dump_path);
	free(capture);
}

static int give_up(struct capture *capture, int status)
{
	output_discard(capture->output);
	profile_free(capture->base.profile);
	release(capture);
	return status;
}

static struct capture *capture_new(const struct capture_options *options)
{
	struct capture *capture = xcalloc(1, sizeof(*capture));

	capture->options = options;
	capture->base.loader = &capture->loader;
	capture->base.waits = options->command;
	capture->flush.base = &capture->base;
	capture->flush.listeners = capture->flush_listeners;
	capture->expected_layout = NO_LAYOUT;
	capture->loop.epoll = capture->signals.fd = -1;
	capture->command.status = capture->command.gate = capture->command.failure = -1;
	capture->loader.iterator = capture->loader.btf = -1;
	inherited_read(&capture->inherited);
	inherited_raise_priority(&capture->inherited);
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of the write */
	identity_read(options->keep_root, &capture->identity);
	capture->caller = identity_user(&capture->identity);
	return capture;
}

/* Returns whether the dump could not be written. */
static int finish(struct capture *capture)
{
	finalizing_stop(capture->finalizing);
	if (capture->signals.is_hasty) {
		flush_now(&capture->flush);
		output_abandon(capture->output);
		return 0;
	}
	/* The censuses at the end may take long: what is known till then is safe. */
	if (capture->options->objects)
		flush_now(&capture->flush);
	flush_end(&capture->flush);
	return output_close(capture->output, capture->base.profile, &capture->dump_path);
}

int capture_run(const struct capture_options *options, struct profile **ret_profile,
		int *ret_status, bool *ret_is_hasty)
{
	struct capture *capture = capture_new(options);
	int status = set_up(capture), failure;

	if (status)
		return give_up(capture, status);
	loop_run(&capture->loop, capture, goes_on);
	inherited_restore_priority(&capture->inherited);
	log_passing(NULL);
	failure = finish(capture);
	*ret_profile = capture->base.profile;
	*ret_status = failure ? EXIT_FAILURE_OWN : exit_status(capture);
	*ret_is_hasty = capture->signals.is_hasty;
	if (capture->command.pid > 0)
		log_later("still running as PID %d", (int)capture->command.pid);
	capture->command.pid = 0; /* a command that still runs is left alone */
	kept = capture;
	return 0;
}

const char *capture_dump_path(void)
{
	return kept ? kept->dump_path : NULL;
}

void capture_finish(void)
{
	if (kept)
		release(kept);
	kept = NULL;
}
