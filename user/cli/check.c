/* SPDX-License-Identifier: BSD-2-Clause */
/* memprobe check: what works here, on stdout. */
#include "commands.h"

#include <string.h>
#include <unistd.h>

#include "check.h"
#include "log.h"
#include "memory.h"
#include "report_run.h"
#include "sink.h"

/* Owns its pids. */
struct check_options {
	struct option_pids pids;
};

static const struct option_spec check_specs[] = {
	{ .name = "pid",
	  .letter = 'p',
	  .argument = "PID[,PID...]",
	  .help = "the interpreter of these processes",
	  .kind = OPTION_PIDS,
	  .offset = offsetof(struct check_options, pids) },
	{ .name = "help",
	  .letter = 'h',
	  .help = "show this and exit",
	  .kind = OPTION_ACTION,
	  .action = OPTIONS_HELP },
};

static const struct option_group check_groups[] = {
	{ "check", check_specs, ARRAY_SIZE(check_specs), 0, NULL },
};

static void set_defaults(void *options)
{
}

static void release(void *options)
{
	free(((struct check_options *)options)->pids.pids);
}

static bool check_all(const struct check_options *options, const struct option_words *words,
		      struct sink *sink)
{
	bool works = check_machine(sink);

	if (words->nr_operands)
		return check_program(words->operands[0], sink) && works;
	if (!options->pids.count)
		return check_program(NULL, sink) && works;
	for (size_t i = 0; i < options->pids.count; i++)
		works &= check_process(options->pids.pids[i], sink);
	return works;
}

static int check(void *given, const struct option_words *words, char **argv)
{
	const struct check_options *options = given;
	struct sink sink;
	bool works;
	int error;

	if (words->nr_operands > 1 || (words->nr_operands && options->pids.count)) {
		log_error("cannot parse '%s': one PYTHON or -p PID", words->operands[0]);
		log_hint("memprobe check --help");
		return EXIT_USAGE;
	}
	sink_attach(&sink, STDOUT_FILENO);
	sink_fit_terminal(&sink);
	works = check_all(options, words, &sink);
	error = sink_close(&sink);
	if (error)
		report_run_refuse_output("standard output", error);
	return works && !error ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_check = {
	.name = "check",
	.usage = "[-p PID[,PID...] | PYTHON]",
	.summary = "What works on this machine and for an interpreter, by what means, and what is "
		   "missing.",
	.syntax = { .groups = check_groups,
		    .nr_groups = ARRAY_SIZE(check_groups),
		    .help = "memprobe check --help" },
	.options_size = sizeof(struct check_options),
	.set_defaults = set_defaults,
	.release = release,
	.run = check,
};
