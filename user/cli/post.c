/* SPDX-License-Identifier: BSD-2-Clause */
/* memprobe post: a report from a dump, on stdout. */
#include "commands.h"

#include <string.h>

#include "dump_file.h"
#include "dump_moments.h"
#include "log.h"
#include "memory.h"
#include "profile_roots.h"

#define DEFAULT_DUMP "mem_trace.raw" /* as a capture names it, user/capture/output.c */
#define MAX_SECONDS 1e9

/* Owns its pids. */
struct post_options {
	struct report_settings report;
	struct option_pids pids;
	struct moment_range range;
	bool force;
};

static const struct option_spec post_specs[] = {
	{ .name = "pid",
	  .letter = 'p',
	  .argument = "PID[,PID...]",
	  .help = "only these processes",
	  .kind = OPTION_PIDS,
	  .offset = offsetof(struct post_options, pids) },
	{ .name = "from",
	  .argument = "S",
	  .help = "growth from this second of the run on, of which a snapshot tells",
	  .kind = OPTION_DURATION,
	  .offset = offsetof(struct post_options, range) + offsetof(struct moment_range, from),
	  .max = MAX_SECONDS },
	{ .name = "to",
	  .argument = "S",
	  .help = "growth until this second, the same (its end)",
	  .kind = OPTION_DURATION,
	  .offset = offsetof(struct post_options, range) + offsetof(struct moment_range, to),
	  .max = MAX_SECONDS },
	{ .name = "thread",
	  .argument = "NAME|TID,...",
	  .help = "only these threads, of a capture with --threads",
	  .kind = OPTION_TEXT,
	  .offset = offsetof(struct post_options, report) +
		    offsetof(struct report_settings, threads) },
	{ .name = "force",
	  .letter = 'f',
	  .help = "replace an existing file of --out",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct post_options, force) },
	{ .name = "help",
	  .letter = 'h',
	  .help = "show this and exit",
	  .kind = OPTION_ACTION,
	  .action = OPTIONS_HELP },
};

static const struct option_group post_groups[] = {
	{ "report", report_run_specs, NR_REPORT_OPTIONS, offsetof(struct post_options, report),
	  NULL },
	{ "post", post_specs, ARRAY_SIZE(post_specs), 0, NULL },
};

static void set_defaults(void *options)
{
	report_run_defaults(&((struct post_options *)options)->report);
}

static void release(void *options)
{
	free(((struct post_options *)options)->pids.pids);
}

static bool is_range(const struct post_options *options)
{
	return options->range.from.is_given || options->range.to.is_given;
}

static int check_usage(const struct post_options *options, const struct option_words *words)
{
	if (words->nr_operands > 1) {
		log_error("cannot parse '%s': one FILE at a time", words->operands[1]);
		log_hint("memprobe post mem_trace.raw");
		return EXIT_USAGE;
	}
	if (is_range(options) && options->report.leaks) {
		log_error("cannot parse '--leaks': it is of a whole run, without --from and --to");
		log_hint("memprobe post --leaks mem_trace.raw");
		return EXIT_USAGE;
	}
	return dump_moments_check(&options->range) ? EXIT_USAGE : 0;
}

/* Prints why the threads that are asked for cannot be shown. */
static int check_threads(const struct profile *profile, const char *threads)
{
	if (!profile->meta.has_threads) {
		log_error("cannot show '%s' alone: in this dump the threads of a process share one "
			  "tree",
			  threads);
		log_hint("memprobe --threads COMMAND splits it; --format=json has the growth of "
			 "each thread");
		return EXIT_FAILED;
	}
	if (profile_has_root_of(profile, threads))
		return 0;
	log_error("cannot show '%s': no thread of that name or number has rows", threads);
	log_hint("--depth=1 shows which there are%s",
		 strchr(threads, ',') ? "; a comma in a name is \\," : "");
	return EXIT_FAILED;
}

static int post(void *given, const struct option_words *words, char **argv)
{
	struct post_options *options = given;
	const char *path = words->nr_operands ? words->operands[0] : DEFAULT_DUMP;
	_cleanup_(profile_freep) struct profile *profile = NULL;
	int error;

	if (check_usage(options, words))
		return EXIT_USAGE;
	options->report.dumps[0] = path;
	error = report_run_check(&options->report, options->force);
	if (!error && is_range(options))
		error = dump_moments_read(path, &options->range, &profile,
					  &options->report.is_difference);
	else if (!error)
		error = dump_file_read(path, &profile);
	if (!error && options->report.threads)
		error = check_threads(profile, options->report.threads);
	if (error)
		return EXIT_FAILED;
	return dump_file_report(profile, &options->report, &options->pids, options->force);
}

const struct command command_post = {
	.name = "post",
	.usage = "[OPTIONS] [FILE]",
	.summary = "Reports from a dump (mem_trace.raw). MB are 2^20 bytes.",
	.syntax = { .groups = post_groups,
		    .nr_groups = ARRAY_SIZE(post_groups),
		    .help = "memprobe post --help" },
	.options_size = sizeof(struct post_options),
	.set_defaults = set_defaults,
	.release = release,
	.run = post,
};
