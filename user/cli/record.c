/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capture: runs a command, or attaches, and reports at the end. What it measures and writes is
 * capture/run's; here are its options, and what is refused before it begins.
 */
#include "commands.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <memprobe/limits.h>

#include "kernel_features.h"
#include "log.h"
#include "memory.h"
#include "profile.h"
#include "profile_roots.h"
#include "record_report.h"
#include "report_run.h"
#include "run.h"

/* Smaller tables than this hold not even one program's start. */
#define MIN_TABLE 16
#define MAX_NODES_LIMIT 16777216
#define MAX_SITES_LIMIT 4194304
#define MAX_RING_MB 1024
#define MAX_BLOCKS_LIMIT 134217728 /* 14 GB of the kernel's memory */
#define MAX_ALLOCS_MIN 1e12
#define MIN_DURATION_S 0.001
#define MAX_DURATION_S 1e9
#define MIN_EVERY_S 0.5 /* as often as the tables are read */

/* Owns its pids. */
struct record_options {
	const char *output;
	bool force;
	struct option_pids pids;
	struct option_decimal duration, every;
	const char *calls;
	const char *instances, *label_attributes;
	bool lines, threads, submitters, native;
	bool no_owners, cow;
	struct option_decimal allocs;
	bool objects, freeze;
	uint32_t max_nodes, max_sites, max_blocks, native_rows, ring_mb;
	bool no_children, no_drop_root, no_report, is_quiet;
	int verbosity;
	struct report_settings report;
};

#define FIELD(field) offsetof(struct record_options, field)

static const struct option_spec capture_specs[] = {
	{ .name = "output",
	  .letter = 'o',
	  .argument = "FILE",
	  .help = "dump (mem_trace.raw)",
	  .kind = OPTION_TEXT,
	  .offset = FIELD(output) },
	{ .name = "force",
	  .letter = 'f',
	  .help = "replace an existing dump or report",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(force) },
	{ .name = "pid",
	  .letter = 'p',
	  .argument = "PID[,PID...]",
	  .help = "attach to running processes and their children",
	  .kind = OPTION_PIDS,
	  .offset = FIELD(pids) },
	{ .name = "duration",
	  .letter = 'd',
	  .argument = "TIME",
	  .help = "stop after so many seconds, 90s, 1.5m or 2h",
	  .kind = OPTION_DURATION,
	  .offset = FIELD(duration),
	  .min = MIN_DURATION_S,
	  .max = MAX_DURATION_S },
	{ .name = "every",
	  .argument = "TIME",
	  .help = "a snapshot each time, to report growth in between",
	  .kind = OPTION_DURATION,
	  .offset = FIELD(every),
	  .min = MIN_EVERY_S,
	  .max = MAX_DURATION_S },
	{ .name = "calls",
	  .argument = "MODE",
	  .help = "count calls: {} (auto: for 1 % of the time)",
	  .kind = OPTION_CHOICE,
	  .offset = FIELD(calls),
	  .choices = calls_mode_name },
	{ .name = "no-owners",
	  .help = "do not follow who owns pages: no live, no peak",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(no_owners) },
	{ .name = "cow",
	  .help = "follow copies of shared pages before the first fork",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(cow) },
	{ .name = "allocs",
	  .argument = "BYTES",
	  .help = "follow malloc: blocks of so many bytes or more (all)",
	  .kind = OPTION_INTEGER_OR_NOT,
	  .offset = FIELD(allocs),
	  .max = MAX_ALLOCS_MIN },
	{ .name = "objects",
	  .help = "count the Python objects at snapshots and at the end",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(objects) },
	{ .name = "freeze",
	  .help = "stop the process for that",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(freeze) },
	{ .name = "lines",
	  .help = "split rows by the line that is executed",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(lines) },
	{ .name = "threads",
	  .help = "split the tree by thread at its root",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(threads) },
	{ .name = "submitters",
	  .help = "a pool's work below the path that submitted it",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(submitters) },
	{ .name = "native",
	  .help = "C functions below Python rows",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(native) },
	{ .name = "instances",
	  .argument = "CLASS,...",
	  .help = "split methods by object (of these classes)",
	  .kind = OPTION_TEXT_OR_NOT,
	  .offset = FIELD(instances) },
	{ .name = "label-attr",
	  .argument = "NAME,...",
	  .help = "attributes that name an object (pathname)",
	  .kind = OPTION_TEXT,
	  .offset = FIELD(label_attributes) },
	{ .name = "max-nodes",
	  .argument = "N",
	  .help = "call paths that the kernel's table holds (65536)",
	  .kind = OPTION_INTEGER,
	  .offset = FIELD(max_nodes),
	  .min = MIN_TABLE,
	  .max = MAX_NODES_LIMIT },
	{ .name = "max-sites",
	  .argument = "N",
	  .help = "functions that the kernel's table holds (16384)",
	  .kind = OPTION_INTEGER,
	  .offset = FIELD(max_sites),
	  .min = MIN_TABLE,
	  .max = MAX_SITES_LIMIT },
	{ .name = "max-blocks",
	  .argument = "N",
	  .help = "blocks that --allocs follows at a time (2097152)",
	  .kind = OPTION_INTEGER,
	  .offset = FIELD(max_blocks),
	  .min = MIN_TABLE,
	  .max = MAX_BLOCKS_LIMIT },
	{ .name = "native-rows",
	  .argument = "N",
	  .help = "rows of unwind tables that --native holds (2097152)",
	  .kind = OPTION_INTEGER,
	  .offset = FIELD(native_rows),
	  .min = MIN_TABLE,
	  .max = MAX_NATIVE_ROWS },
	{ .name = "ring",
	  .argument = "MB",
	  .help = "buffer from the kernel (4; 8 with --calls=exact)",
	  .kind = OPTION_INTEGER,
	  .offset = FIELD(ring_mb),
	  .min = 1,
	  .max = MAX_RING_MB },
	{ .name = "no-children",
	  .help = "this process only",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(no_children) },
	{ .name = "no-drop-root",
	  .help = "under sudo, run the command as root",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(no_drop_root) },
	{ .name = "no-report",
	  .help = "only the dump",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(no_report) },
	{ .name = "quiet",
	  .letter = 'q',
	  .help = "no report but the one of --out, and nothing but errors",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(is_quiet) },
	{ .name = "verbose",
	  .letter = 'v',
	  .help = "decisions; -vv steps; -vvv libbpf and the verifier",
	  .kind = OPTION_COUNT,
	  .offset = FIELD(verbosity) },
	{ .name = "version",
	  .letter = 'V',
	  .help = "show the version and exit",
	  .kind = OPTION_ACTION,
	  .action = OPTIONS_VERSION },
	{ .name = "help",
	  .letter = 'h',
	  .help = "show this and exit",
	  .kind = OPTION_ACTION,
	  .action = OPTIONS_HELP },
	/* For the build: what completion.bash needs, and what the other shells take. */
	{ .name = "completion", .kind = OPTION_ACTION, .action = OPTIONS_COMPLETION },
	{ .name = "completion-zsh", .kind = OPTION_ACTION, .action = OPTIONS_COMPLETION_ZSH },
	{ .name = "completion-fish", .kind = OPTION_ACTION, .action = OPTIONS_COMPLETION_FISH },
};

static const struct option_group record_groups[] = {
	{ "capture", capture_specs, ARRAY_SIZE(capture_specs), 0, NULL },
	{ "report at the end, on stderr", report_run_specs, NR_REPORT_OPTIONS, FIELD(report),
	  "memprobe post --help" },
};

/* Python's own options, given to memprobe. */
static const char *find_hint(const char *option)
{
	if (!strcmp(option, "-m"))
		return "memprobe -- python3 -m MODULE profiles a module";
	if (!strcmp(option, "-c"))
		return "memprobe -- python3 -c CODE profiles what is given as text";
	return NULL;
}

static void set_defaults(void *given)
{
	struct record_options *options = given;

	options->calls = "auto";
	options->label_attributes = "pathname";
	options->max_nodes = DEFAULT_MAX_NODES;
	options->max_sites = DEFAULT_MAX_SITES;
	options->max_blocks = DEFAULT_MAX_BLOCKS;
	options->native_rows = DEFAULT_NATIVE_ROWS;
	report_run_defaults(&options->report);
	options->report.is_largest_first = true;
}

static void release(void *options)
{
	free(((struct record_options *)options)->pids.pids);
}

/* Options of which one leaves no use for the other. */
static int check_pairs(const struct record_options *options)
{
	const struct {
		bool is_given;
		const char *option, *cause, *hint;
	} pairs[] = {
		{ options->cow && options->no_owners, "--cow", "--no-owners does not follow pages",
		  "without --no-owners it follows copies of shared pages" },
		{ options->freeze && !options->objects, "--freeze",
		  "it stops processes for --objects",
		  "--objects --freeze counts objects while nothing moves" },
		{ options->no_report && options->report.out, "--out",
		  "with --no-report there is no report to write",
		  "-q --out=FILE writes it, and says nothing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (!pairs[i].is_given)
			continue;
		log_error("cannot parse '%s': %s", pairs[i].option, pairs[i].cause);
		log_hint("%s", pairs[i].hint);
		return EXIT_USAGE;
	}
	return 0;
}

static int check_usage(const struct record_options *options, const struct option_words *words)
{
	if (words->nr_operands && options->pids.count) {
		log_error("cannot run '%s': with -p no command is run", words->operands[0]);
		log_hint("memprobe -- COMMAND runs it, memprobe -p PID follows what runs already");
		return EXIT_USAGE;
	}
	if (!words->nr_operands && !options->pids.count) {
		log_error("cannot parse '%s': no command given, and no -p", "command line");
		log_hint("memprobe -- COMMAND [ARG...], or memprobe -p PID; memprobe --help");
		return EXIT_USAGE;
	}
	return check_pairs(options);
}

/* Where that cannot be asked, the capture says why. */
static bool can_follow_owners(void)
{
	struct kernel_features features;

	return kernel_features_read(&features) || features.has_percpu_counters;
}

static int check_report(const struct record_options *options)
{
	const struct report_run_kind run = { .has_owners = !options->no_owners,
					     .has_allocs = options->allocs.is_given,
					     .has_lines = options->lines,
					     .can_follow_owners = can_follow_owners };
	int error = report_run_check_run(&options->report, &run);

	if (error == -ENOSYS)
		return EXIT_FAILURE_OWN;
	return error ? EXIT_USAGE : 0;
}

static void set_log_level(const struct record_options *options)
{
	int level = options->verbosity < LOG_DEBUG ? options->verbosity : LOG_DEBUG;

	log_set_level(options->is_quiet ? LOG_QUIET : level);
}

/* The options as they were given, parted by blanks. */
static char *join_options(char *const *words, size_t count)
{
	char *text = xstrdup("");

	for (size_t i = 0; i < count; i++) {
		char *longer = xasprintf("%s%s%s", text, i ? " " : "", words[i]);

		free(text);
		text = longer;
	}
	return text;
}

/* Borrows all that it is given. */
static struct capture_options make_capture(const struct record_options *options,
					   const struct option_words *words, pid_t *pids,
					   const char *text)
{
	for (size_t i = 0; i < options->pids.count; i++)
		pids[i] = options->pids.pids[i];
	return (struct capture_options){
		.command = words->nr_operands ? words->operands : NULL,
		.pids = pids,
		.nr_pids = options->pids.count,
		.output = options->output,
		.force = options->force,
		.duration_s = options->duration.value,
		.every_s = options->every.value,
		.calls_mode = options_choice(calls_mode_name, options->calls),
		.max_nodes = options->max_nodes,
		.max_sites = options->max_sites,
		.max_blocks = options->max_blocks,
		.native_rows = options->native_rows,
		.ring_mb = options->ring_mb,
		.allocs = options->allocs.is_given,
		.objects = options->objects,
		.freeze = options->freeze,
		.allocs_min = (uint64_t)options->allocs.value,
		.lines = options->lines,
		.threads = options->threads,
		.submitters = options->submitters,
		.native = options->native,
		.no_owners = options->no_owners,
		.cow = options->cow,
		.instances = options->instances,
		.label_attributes = options->label_attributes,
		.keep_root = options->no_drop_root,
		.no_children = options->no_children,
		.options_text = text,
	};
}

/* Quiet is about what is said: a file that was asked for is written. */
static bool wants_report(const struct record_options *options)
{
	return !options->no_report && (!options->is_quiet || options->report.out);
}

static struct record_report make_report(const struct record_options *options)
{
	return (struct record_report){ .settings = &options->report,
				       .dump = options->output,
				       .force = options->force,
				       .keep_root = options->no_drop_root };
}

static int record(void *given, const struct option_words *words, char **argv)
{
	const struct record_options *options = given;
	_cleanup_(freep) char *text = join_options(argv, words->nr_options);
	_cleanup_(freep) pid_t *pids = xcalloc(options->pids.count, sizeof(*pids));
	_cleanup_(profile_freep) struct profile *profile = NULL;
	struct capture_options capture = make_capture(options, words, pids, text);
	const struct record_report report = make_report(options);
	bool has_report = wants_report(options), is_hasty = false;
	int status = 0, failure = check_usage(options, words);

	if (!failure && has_report)
		failure = record_report_check_names(&report);
	if (!failure && has_report)
		failure = check_report(options);
	if (failure)
		return failure;
	set_log_level(options);
	if (has_report && record_report_check(&report))
		return EXIT_FAILURE_OWN;
	failure = capture_run(&capture, &profile, &status, &is_hasty);
	if (failure)
		return failure;
	/* The dump is written; a reader of it does the same. */
	profile_name_roots(profile);
	if (has_report && !is_hasty)
		status = record_report_write(&report, profile, status);
	log_tell_later();
	capture_finish();
	return status;
}

const struct command command_record = {
	.usage = "[OPTIONS] [--] COMMAND [ARG...]\n[OPTIONS] -p PID[,PID...]",
	.summary = "Which Python call paths made the processes of a command grow.",
	.examples =
		"sudo memprobe -- python script.py      run it; the tree is printed at its end\n"
		"sudo memprobe -p 4711 -d 1m            attach to what runs, for a minute\n"
		"memprobe post mem_trace.raw --leaks    what kept growing, without root\n"
		"memprobe diff before.raw after.raw     what one run has more than another\n"
		"sudo memprobe heap -p 4711             in use, or freed and kept?\n",
	.syntax = { .groups = record_groups,
		    .nr_groups = ARRAY_SIZE(record_groups),
		    .stops_at_operand = true,
		    .help = "memprobe --help",
		    .find_hint = find_hint },
	.options_size = sizeof(struct record_options),
	.set_defaults = set_defaults,
	.release = release,
	.run = record,
};
