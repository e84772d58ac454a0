/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One capture: the order of its steps; see run.h.
 *
 * Everything that can be refused is refused before the command runs. The command then waits at a
 * gate until the programs are attached, so that nothing of it is missed. The loop waits for
 * urgent records, signals and the flush timer. At the end the balance is taken while events still
 * come, then the programs are detached, then what they left is read.
 */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "capture_parts.h"
#include "capture_state.h"
#include "capture_turns.h"
#include "clock.h"
#include "command_refuse.h"
#include "error_hints.h"
#include "grace_period.h"
#include "inspect_request.h"
#include "interpreters.h"
#include "log.h"
#include "memory.h"
#include "preflight.h"
#include "programs.h"

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

static int begin_inspector(struct capture *capture)
{
	capture->base.inspector = inspector_new(&inspect_targets);
	capture_turns_hear_inspector(capture, false);
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
	submitters_begin_command(capture->submitters, (uint32_t)command->pid,
				 capture->expected_layout);
	c_functions_begin_command(capture->c_functions, capture->expected_layout);
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
		check_place,
		check_pids,
		begin_inspector,
		find_command,
		start_command,
		open_output,
		load,
		capture_parts_open_drain,
		capture_parts_make,
		capture_parts_listen_to_drain,
		capture_parts_listen_to_flushes,
		capture_turns_open,
		begin,
		capture_turns_begin_timers,
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
	submitters_free(capture->submitters);
	c_functions_free(capture->c_functions);
	wakes_free(capture->wakes);
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
	signals_hold();
	inherited_raise_priority(&capture->inherited);
	inherited_raise_memory(&capture->inherited);
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of the write */
	identity_read(options->keep_root, &capture->identity);
	capture->caller = identity_user(&capture->identity);
	return capture;
}

/* Returns whether the dump could not be written. */
static int finish(struct capture *capture)
{
	loader_stop_last_looks(&capture->loader);
	if (capture->signals.is_hasty) {
		if (drain_has_images(capture->base.drain))
			grace_period_wait(); /* what they still tell is in the ring then */
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
	capture_turns_run(capture);
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
