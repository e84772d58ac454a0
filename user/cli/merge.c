/* SPDX-License-Identifier: BSD-2-Clause */
/* memprobe merge: one dump out of many, of ranks, pods or hosts. */
#include "commands.h"

#include <errno.h>

#include "dump.h"
#include "dump_file.h"
#include "identity.h"
#include "log.h"
#include "memory.h"
#include "profile_held.h"
#include "profile_merge.h"
#include "profile_own.h"
#include "report_run.h"

struct merge_options {
	const char *output;
	bool force;
};

static const struct option_spec merge_specs[] = {
	{ .name = "output",
	  .letter = 'o',
	  .argument = "FILE",
	  .help = "the dump to write",
	  .kind = OPTION_TEXT,
	  .offset = offsetof(struct merge_options, output) },
	{ .name = "force",
	  .letter = 'f',
	  .help = "replace an existing FILE",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct merge_options, force) },
	{ .name = "help",
	  .letter = 'h',
	  .help = "show this and exit",
	  .kind = OPTION_ACTION,
	  .action = OPTIONS_HELP },
};

static const struct option_group merge_groups[] = {
	{ "merge", merge_specs, ARRAY_SIZE(merge_specs), 0, NULL },
};

static void set_defaults(void *options)
{
}

static void release(void *options)
{
}

static int check_usage(const struct merge_options *options, const struct option_words *words)
{
	if (options->output && words->nr_operands)
		return 0;
	log_error("cannot parse '%s': %s is missing", "merge", options->output ? "FILE" : "-o OUT");
	log_hint("memprobe merge -o all.raw rank0.raw rank1.raw");
	return -EINVAL;
}

/* The first has the name, the time and the machine of the whole. */
static int read_all(const struct option_words *words, struct profile **ret)
{
	int error = dump_file_read(words->operands[0], ret);

	/* Of one alone, too, readers tell what is not whole from a capture that did not end. */
	if (!error && (*ret)->meta.damage != DAMAGE_NONE && !(*ret)->nr_captures)
		profile_add_capture(*ret, (*ret)->meta.duration_ns);
	for (size_t i = 1; !error && i < words->nr_operands; i++) {
		_cleanup_(profile_freep) struct profile *more = NULL;

		error = dump_file_read(words->operands[i], &more);
		if (error)
			break;
		dump_file_compare_allocs(*ret, more, words->operands[i]);
		profile_append(*ret, more);
	}
	if (!error && words->nr_operands > 1)
		profile_append_end(*ret);
	return error;
}

static int write_dump(const struct merge_options *options, struct profile *profile)
{
	struct identity identity;
	struct dump_writer *writer;
	int error;

	identity_read(false, &identity);
	error = dump_create(&(struct dump_create){ .path = options->output,
						   .force = options->force,
						   .uid = identity.uid,
						   .gid = identity.gid },
			    &writer);
	identity_free(&identity);
	if (error)
		return error;
	error = profile->meta.is_complete ? dump_finish(writer, profile)
					  : dump_finish_incomplete(writer, profile);
	if (error)
		dump_discard(writer);
	else
		dump_abandon(writer);
	return error;
}

static int check_size(const struct merge_options *options, const struct profile *sum)
{
	int error = dump_check(sum);

	if (error) {
		log_error("cannot merge '%s': together they are more than a dump may hold",
			  options->output);
		log_hint("merge fewer: sums of all are limited, as the numbers of processes and "
			 "paths are");
	}
	return error;
}

static int merge(void *given, const struct option_words *words, char **argv)
{
	const struct merge_options *options = given;
	_cleanup_(profile_freep) struct profile *sum = NULL;
	int error;

	if (check_usage(options, words))
		return EXIT_USAGE;
	if (read_all(words, &sum))
		return EXIT_FAILED;
	profile_settle(sum);
	if (check_size(options, sum))
		return EXIT_FAILED;
	error = write_dump(options, sum);
	if (error == -EPIPE)
		return EXIT_PIPE;
	if (error)
		report_run_refuse_output(options->output, error);
	return error ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_merge = {
	.name = "merge",
	.usage = "-o OUT FILE...",
	.summary =
		"One dump out of many: every process of each. Reports show those of one command\n"
		"as one tree with the spread.",
	.syntax = { .groups = merge_groups,
		    .nr_groups = ARRAY_SIZE(merge_groups),
		    .help = "memprobe merge --help" },
	.options_size = sizeof(struct merge_options),
	.set_defaults = set_defaults,
	.release = release,
	.run = merge,
};
