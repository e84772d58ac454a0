/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memprobe heap: what is in use and what is free inside a running process's allocators, on stdout.
 * No BPF program is loaded for it: it needs the right to read the process's memory, and no more.
 */
#include "commands.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "attach_targets.h"
#include "clock.h"
#include "error_hints.h"
#include "heap_cure.h"
#include "heap_objects.h"
#include "heap_output.h"
#include "inspect_heap.h"
#include "inspect_request.h"
#include "log.h"
#include "memory.h"
#include "process_program.h"
#include "requirements.h"

#define BUDGET_NS 900000000ULL
#define MIN_EVERY_S 0.01
#define MAX_EVERY_S 1e6
#define DEFAULT_EVERY_S 1
#define NS_PER_S 1e9
/* A program that has just begun has no allocators yet. */
#define BEGINNING_NS 1000000000ULL
#define AGAIN_NS 50000000ULL

/* Owns its pids. */
struct heap_options {
	struct option_pids pids;
	struct option_decimal every;
	uint32_t count;
	const char *format, *out;
	bool force, objects, freeze;
};

#define FIELD(field) offsetof(struct heap_options, field)

static const struct option_spec heap_specs[] = {
	{ .name = "pid",
	  .letter = 'p',
	  .argument = "PID",
	  .help = "the process",
	  .kind = OPTION_PIDS,
	  .offset = FIELD(pids) },
	{ .name = "objects",
	  .help = "which Python objects it has, by type and by holder; with --every, what grew",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(objects) },
	{ .name = "freeze",
	  .help = "stop the process while its objects are read",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(freeze) },
	{ .name = "every",
	  .argument = "TIME",
	  .help = "read again after so many seconds, 90s, 1.5m or 2h, until SIGINT or the "
		  "process's end",
	  .kind = OPTION_DURATION,
	  .offset = FIELD(every),
	  .min = MIN_EVERY_S,
	  .max = MAX_EVERY_S },
	{ .name = "count",
	  .argument = "N",
	  .help = "so many times (1; with --every: without end)",
	  .kind = OPTION_INTEGER,
	  .offset = FIELD(count),
	  .min = 1,
	  .max = UINT32_MAX },
	{ .name = "format",
	  .argument = "NAME",
	  .help = "{} (text)",
	  .kind = OPTION_CHOICE,
	  .offset = FIELD(format),
	  .choices = heap_output_format },
	{ .name = "out",
	  .argument = "FILE",
	  .help = "write to FILE",
	  .kind = OPTION_TEXT,
	  .offset = FIELD(out) },
	{ .name = "force",
	  .letter = 'f',
	  .help = "replace an existing file of --out",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(force) },
	{ .name = "help",
	  .letter = 'h',
	  .help = "show this and exit",
	  .kind = OPTION_ACTION,
	  .action = OPTIONS_HELP },
};

static const struct option_group heap_groups[] = {
	{ "heap", heap_specs, ARRAY_SIZE(heap_specs), 0, NULL },
};

static void set_defaults(void *options)
{
	((struct heap_options *)options)->format = "text";
}

static void release(void *options)
{
	free(((struct heap_options *)options)->pids.pids);
}

/* ---- Asking ---- */

struct heap_watch {
	const struct heap_options *options;
	pid_t pid;
	struct process_program program;
	bool is_later; /* the process has become it by exec */
	struct inspector *inspector;
	struct heap_output output;
	struct heap_objects objects;
	int signals; /* -1: none could be opened */
	bool is_over;
};

static int open_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Has somebody asked for the end? */
static bool is_urgent(void *context)
{
	struct heap_watch *watch = context;
	struct signalfd_siginfo info;

	while (read(watch->signals, &info, sizeof(info)) == sizeof(info))
		watch->is_over = true;
	return watch->is_over;
}

static void begin_inspector(struct heap_watch *watch)
{
	const struct inspector_listener listener = {
		.context = watch,
		.is_urgent = watch->signals >= 0 ? is_urgent : NULL,
		.fd = watch->signals,
	};

	watch->inspector = inspector_new(&inspect_targets);
	inspector_listen(watch->inspector, &listener);
}

static int refuse(const struct heap_watch *watch, int error)
{
	bool is_unanswered = inspector_is_unanswered(error);

	if (error == -ESRCH)
		log_error("cannot read '%d': the process has ended", (int)watch->pid);
	else if (is_unanswered)
		log_error("cannot read '%d': it takes too long or fails", (int)watch->pid);
	else
		log_error("cannot read '%d': %s", (int)watch->pid, strerror(-error));
	if (error == -EACCES || error == -EPERM)
		log_hint("%s", requirement_hint_process(watch->pid));
	else if (error == -EMFILE || error == -ENFILE)
		error_hint_print(ERROR_OF_OURSELF, error);
	else
		error_hint_print(ERROR_OF_PROCESS, is_unanswered ? -ETIME : error);
	return error;
}

static int refuse_allocators(const struct heap_watch *watch, const struct heap_inside *inside)
{
	if (heap_inside_is_any(inside))
		log_error("cannot read '%d': its malloc is %s, which is none that can be read",
			  (int)watch->pid,
			  *inside->malloc_name ? inside->malloc_name : "an unknown allocator");
	else
		log_error("cannot read '%d': it has neither malloc nor the allocators of Python",
			  (int)watch->pid);
	log_hint("memprobe -p %d tells which Python call paths take memory", (int)watch->pid);
	return -ENOENT;
}

/* ---- One reading after the other ---- */

static void wait_until(struct heap_watch *watch, uint64_t time_ns)
{
	uint64_t now = clock_ns();

	while (!is_urgent(watch) && now < time_ns) {
		struct pollfd ready = { .fd = watch->signals, .events = POLLIN };
		struct timespec left = { .tv_sec = (time_t)((time_ns - now) / 1000000000),
					 .tv_nsec = (long)((time_ns - now) % 1000000000) };

		ppoll(&ready, 1, &left, NULL);
		now = clock_ns();
	}
}

static uint64_t count_of(const struct heap_options *options)
{
	if (options->count)
		return options->count;
	return options->every.is_given ? UINT64_MAX : 1;
}

/* What the process runs from now on. */
static int take_program(struct heap_watch *watch)
{
	process_program_close(&watch->program);
	return process_program_open(watch->pid, &watch->program);
}

static int become_later(struct heap_watch *watch)
{
	int error = take_program(watch);

	if (error)
		return error;
	watch->is_later = true;
	heap_objects_free(&watch->objects); /* what grew is told of one program */
	heap_output_program(&watch->output, watch->pid,
			    heap_output_command(watch->inspector, watch->pid));
	return 0;
}

static int inspect(const struct heap_watch *watch, struct heap_inside *ret)
{
	int error = inspect_heap(watch->inspector, watch->pid, BUDGET_NS, ret);

	return error || heap_inside_is_read(ret) ? error : -ENODATA;
}

/* All of it of one program; after an exec that is the next, as soon as there is something. */
static int read_inside(struct heap_watch *watch, struct heap_inside *ret)
{
	uint64_t beginning_ns = 0;
	int error;

	do {
		error = inspect(watch, ret);
		if (process_program_is_gone(&watch->program)) {
			int failure = become_later(watch);

			if (failure)
				return failure == -ESRCH ? error : failure;
			beginning_ns = clock_ns() + BEGINNING_NS;
			error = -EAGAIN;
		} else if (error && clock_ns() < beginning_ns) {
			wait_until(watch, clock_ns() + AGAIN_NS);
		}
	} while (error && clock_ns() < beginning_ns && !watch->is_over);
	return error;
}

static int count_objects(struct heap_watch *watch, const struct census **ret)
{
	int error;

	if (!watch->options->objects)
		return 0;
	error = heap_objects_take(&watch->objects, watch->inspector, watch->pid,
				  watch->options->freeze);
	*ret = heap_objects_last(&watch->objects);
	return error;
}

/* Nothing is shown of what could be read in part only. */
static int take_reading(struct heap_watch *watch, uint64_t time_ns)
{
	const struct census *census = NULL;
	struct heap_inside inside;
	int error = read_inside(watch, &inside);

	if (watch->is_over && error)
		return 0;
	if (error == -ENODATA)
		return refuse_allocators(watch, &inside);
	if (error)
		return refuse(watch, error);
	error = count_objects(watch, &census);
	if (error != -ESRCH && process_program_is_gone(&watch->program))
		return 0; /* these are not the objects of that heap */
	if (!error)
		heap_output_put(&watch->output, time_ns, &inside, census);
	return error;
}

/* The first reading fails the command; a process that ends later, or becomes a program that cannot
 * be read, or a signal, ends it. */
static int take_readings(struct heap_watch *watch)
{
	const struct heap_options *options = watch->options;
	double every_s = options->every.is_given ? options->every.value : DEFAULT_EVERY_S;
	uint64_t begin_ns = clock_ns(), every_ns = (uint64_t)(every_s * NS_PER_S);
	uint64_t count = count_of(options), next_ns = begin_ns;

	for (uint64_t i = 0; i < count; i++) {
		int error;

		wait_until(watch, next_ns);
		if (watch->is_over)
			break;
		error = take_reading(watch, clock_ns() - begin_ns);
		if (error)
			return i && (error == -ESRCH || watch->is_later) ? 0 : error;
		if (watch->output.sink.error)
			break;
		next_ns += every_ns;
	}
	return 0;
}

static void put_growth(struct heap_watch *watch)
{
	struct census_diff diff;

	heap_output_end_readings(&watch->output);
	if (!heap_objects_diff(&watch->objects, &diff))
		return;
	heap_output_growth(&watch->output, &diff);
	census_diff_free(&diff);
}

static int watch_process(struct heap_watch *watch)
{
	_cleanup_(freep) char *command = NULL;
	int error;

	command = heap_output_command(watch->inspector, watch->pid);
	error = heap_output_open(&watch->output, watch->options->out, watch->options->force);
	if (error)
		return error;
	take_program(watch); /* who may not look is told by the first reading */
	heap_output_begin(&watch->output, watch->pid, command, count_of(watch->options) > 1);
	error = take_readings(watch);
	if (!error)
		put_growth(watch);
	if (error) {
		heap_output_abandon(&watch->output);
		return error;
	}
	return heap_output_end(&watch->output);
}

/* ---- The command ---- */

static int check_usage(const struct heap_options *options, const struct option_words *words)
{
	if (words->nr_operands)
		log_error("cannot parse '%s': -p PID names the process", words->operands[0]);
	else if (!options->pids.count)
		log_error("cannot parse '%s': -p PID is missing", "heap");
	else if (options->freeze && !options->objects)
		log_error("cannot parse '%s': it stops the process for --objects", "--freeze");
	else if (options->pids.count > 1)
		log_error("cannot parse '%s': one PID at a time", "--pid");
	else
		return 0;
	log_hint("memprobe heap --help");
	return EXIT_USAGE;
}

/* Stopped for a census we would wait for ourselves: the inspecting process asks us meanwhile. */
static int refuse_itself(pid_t pid)
{
	if (pid != getpid())
		return 0;
	log_error("cannot read '%d': it is memprobe itself", (int)pid);
	log_hint("-p takes the number of a process that runs already: pgrep -a python");
	return -EINVAL;
}

static int heap(void *given, const struct option_words *words, char **argv)
{
	const struct heap_options *options = given;
	struct heap_watch watch = { .options = options, .signals = -1, .program = { -1 } };
	int status = check_usage(options, words), error;

	if (status)
		return status;
	if (attach_check(options->pids.pids[0]))
		return EXIT_FAILED;
	watch.pid = (pid_t)options->pids.pids[0];
	if (refuse_itself(watch.pid))
		return EXIT_FAILED;
	watch.output.format = options->format;
	watch.signals = open_signals();
	begin_inspector(&watch);
	error = watch_process(&watch);
	heap_objects_free(&watch.objects);
	process_program_close(&watch.program);
	inspector_free(watch.inspector);
	closep(&watch.signals);
	if (error == -EPIPE)
		return EXIT_PIPE;
	return error ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_heap = {
	.name = "heap",
	.usage = "-p PID [OPTIONS]",
	.summary = "What is in use and what is free inside a running process's allocators, and "
		   "what would make it smaller. MB are 2^20 bytes.",
	.syntax = { .groups = heap_groups,
		    .nr_groups = ARRAY_SIZE(heap_groups),
		    .help = "memprobe heap --help" },
	.options_size = sizeof(struct heap_options),
	.set_defaults = set_defaults,
	.release = release,
	.run = heap,
};
