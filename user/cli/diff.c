/* SPDX-License-Identifier: BSD-2-Clause */
/* memprobe diff: what one dump has more than another, on stdout. */
#include "commands.h"

#include <errno.h>

#include "dump_file.h"
#include "log.h"
#include "memory.h"
#include "profile_merge.h"

#define NR_DUMPS 2

/* Owns its pids. */
struct diff_options {
	struct report_settings report;
	struct option_pids pids;
	bool force;
};

static const struct option_spec diff_specs[] = {
	{ .name = "pid",
	  .letter = 'p',
	  .argument = "PID[,PID...]",
	  .help = "only these processes of AFTER",
	  .kind = OPTION_PIDS,
	  .offset = offsetof(struct diff_options, pids) },
	{ .name = "force",
	  .letter = 'f',
	  .help = "replace an existing file of --out",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct diff_options, force) },
	{ .name = "help",
	  .letter = 'h',
	  .help = "show this and exit",
	  .kind = OPTION_ACTION,
	  .action = OPTIONS_HELP },
};

static const struct option_group diff_groups[] = {
	{ "report", report_run_specs, NR_REPORT_OPTIONS, offsetof(struct diff_options, report),
	  NULL },
	{ "diff", diff_specs, ARRAY_SIZE(diff_specs), 0, NULL },
};

static void set_defaults(void *options)
{
	struct report_settings *report = &((struct diff_options *)options)->report;

	report_run_defaults(report);
	report->is_difference = true;
}

static void release(void *options)
{
	free(((struct diff_options *)options)->pids.pids);
}

static int check_usage(const struct diff_options *options, const struct option_words *words)
{
	if (options->report.leaks) {
		log_error("cannot parse '--leaks': it is of one run, not of a difference");
		log_hint("memprobe post --leaks after.raw");
		return -EINVAL;
	}
	if (words->nr_operands == NR_DUMPS)
		return 0;
	if (words->nr_operands > NR_DUMPS)
		log_error("cannot parse '%s': two dumps at a time", words->operands[NR_DUMPS]);
	else
		log_error("cannot parse '%s': %s is missing", "diff",
			  words->nr_operands ? "AFTER" : "BEFORE");
	log_hint("memprobe diff before.raw after.raw");
	return -EINVAL;
}

/* Paths of the one begin at threads, so that none would be one of the other's. */
static int check_pair(const struct profile *before, const struct profile *after, const char *path)
{
	if (before->meta.has_threads == after->meta.has_threads)
		return 0;
	log_error("cannot compare '%s': it is %s by thread, and the other is %s", path,
		  after->meta.has_threads ? "split" : "not split",
		  after->meta.has_threads ? "not" : "split");
	log_hint("record both with --threads, or both without");
	return -EINVAL;
}

static int diff(void *given, const struct option_words *words, char **argv)
{
	struct diff_options *options = given;
	_cleanup_(profile_freep) struct profile *before = NULL, *after = NULL;

	if (check_usage(options, words))
		return EXIT_USAGE;
	for (size_t i = 0; i < NR_DUMPS; i++)
		options->report.dumps[i] = words->operands[i];
	if (report_run_check(&options->report, options->force) ||
	    dump_file_read(words->operands[0], &before) ||
	    dump_file_read(words->operands[1], &after) ||
	    check_pair(before, after, words->operands[1]))
		return EXIT_FAILED;
	dump_file_compare_allocs(before, after, words->operands[1]);
	dump_file_compare_native(before, after, words->operands[1]);
	profile_merge(after, before, MERGE_DIFFERENCE);
	return dump_file_report(after, &options->report, &options->pids, options->force);
}

const struct command command_diff = {
	.name = "diff",
	.usage = "[OPTIONS] BEFORE AFTER",
	.summary = "What AFTER has more than BEFORE, matched by call path: of two runs, or of two\n"
		   "snapshots of one. Rows where nothing differs are left out.",
	.syntax = { .groups = diff_groups,
		    .nr_groups = ARRAY_SIZE(diff_groups),
		    .help = "memprobe diff --help" },
	.options_size = sizeof(struct diff_options),
	.set_defaults = set_defaults,
	.release = release,
	.run = diff,
};
