/* SPDX-License-Identifier: BSD-2-Clause */
/* What was meant, as far as it can be told; see command_refuse.h. */
#include "command_refuse.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"
#include "capture_options.h"

static bool is_python_file(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && !strcmp(dot, ".py") && !access(name, R_OK);
}

/* Words of other profilers, for what memprobe does without one. */
static void hint_at_command(const char *name)
{
	static const struct {
		const char *word, *meant;
	} words[] = {
		{ "run", "memprobe -- COMMAND [ARG...] profiles a command" },
		{ "record", "memprobe -- COMMAND [ARG...] profiles a command" },
		{ "attach", "memprobe -p PID attaches to a running process" },
		{ "live", "memprobe -p PID attaches to a running process" },
		{ "top", "memprobe -p PID attaches to a running process" },
		{ "report", "memprobe post mem_trace.raw prints a report again" },
		{ "stats", "memprobe post mem_trace.raw prints a report again" },
		{ "tree", "memprobe post mem_trace.raw prints a report again" },
		{ "table", "memprobe post --format=table mem_trace.raw prints a flat report" },
		{ "summary", "memprobe post --format=table mem_trace.raw prints a flat report" },
		{ "version", "memprobe --version" },
		{ "help", "memprobe --help" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(name, words[i].word)) {
			log_hint("%s", words[i].meant);
			return;
		}
	}
	if (is_python_file(name))
		log_hint("memprobe -- python3 %s", name);
	else
		log_hint("sudo may hide it: sudo env PATH=\"$PATH\" memprobe ...");
}

int command_refuse(const char *name, int error)
{
	if (error == -ENOENT) {
		log_error("cannot find '%s': no such command", name);
		hint_at_command(name);
		return EXIT_NOT_FOUND;
	}
	log_error("cannot execute '%s': %s", name, strerror(-error));
	if (error == -EACCES)
		log_hint("make it executable, or name its interpreter: memprobe -- python3 %s",
			 name);
	else if (error == -ENOEXEC)
		log_hint("it has no #! line; name its interpreter: memprobe -- python3 %s", name);
	return EXIT_CANNOT_EXECUTE;
}
