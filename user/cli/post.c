/* SPDX-License-Identifier: BSD-2-Clause */
/* memprobe post: a report from a dump, on stdout. */
#include "commands.h"

#include "dump_file.h"
#include "log.h"
#include "memory.h"

#define DEFAULT_DUMP "mem_trace.raw" /* as a capture names it, user/capture/output.c */

/* Owns its pids. */
struct post_options {
	struct report_settings report;
	struct option_pids pids;
	bool force;
};

static const struct option_spec post_specs[] = {
	{ .name = "pid",
	  .letter = 'p',
	  .argument = "PID[,PID...]",
	  .help = "only these processes",
	  .kind = OPTION_PIDS,
	  .offset = offsetof(struct post_options, pids) },
	{ .name = "leaks",
	  .help = "only paths that kept taking memory to the end and never gave back",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct post_options, report) +
		    offsetof(struct report_settings, leaks) },
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
	{ "report", report_run_specs, NR_REPORT_OPTIONS, offsetof(struct post_options, report) },
	{ "post", post_specs, ARRAY_SIZE(post_specs), 0 },
};

static void set_defaults(void *options)
{
	report_run_defaults(&((struct post_options *)options)->report);
}

static void release(void *options)
{
	free(((struct post_options *)options)->pids.pids);
}

static int check_usage(const struct option_words *words)
{
	if (words->nr_operands <= 1)
		return 0;
	log_error("cannot parse '%s': one FILE at a time", words->operands[1]);
	log_hint("memprobe post mem_trace.raw");
	return EXIT_USAGE;
}

static int post(void *given, const struct option_words *words, char **argv)
{
	const struct post_options *options = given;
	_cleanup_(profile_freep) struct profile *profile = NULL;

	if (check_usage(words))
		return EXIT_USAGE;
	if (report_run_check(&options->report, options->force) ||
	    dump_file_read(words->nr_operands ? words->operands[0] : DEFAULT_DUMP, &profile))
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
