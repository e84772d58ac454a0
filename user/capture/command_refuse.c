/* SPDX-License-Identifier: BSD-2-Clause */
/* What was meant, as far as it can be told; see command_refuse.h. */
#include "command_refuse.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"
#include "capture_options.h"

/* A file of the current directory, which names without a slash do not mean. */
static bool is_file(const char *name)
{
	struct stat status;

	return !stat(name, &status) && S_ISREG(status.st_mode) && !access(name, R_OK);
}

static bool is_script(const char *name)
{
	const char *dot = strrchr(name, '.');

	return is_file(name) && ((dot && !strcmp(dot, ".py")) || access(name, X_OK));
}

/* What Python runs of it, as of a package, is named. */
static bool hint_at_directory(const char *name)
{
	_cleanup_(freep) char *program = xasprintf("%s/__main__.py", name);
	struct stat status;

	if (stat(name, &status) || !S_ISDIR(status.st_mode))
		return false;
	if (is_file(program))
		log_hint("'%s' is a directory: memprobe -- python3 %s runs its __main__.py", name,
			 name);
	else
		log_hint("'%s' is a directory: name a program in it", name);
	return true;
}

/* Words of other profilers, for what memprobe does without one. */
static bool hint_at_word(const char *name)
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
			return true;
		}
	}
	return false;
}

static void hint_at_command(const char *name, bool by_sudo, const char *otherwise)
{
	if (hint_at_word(name))
		return;
	if (otherwise) {
		log_hint("where sudo was called it is '%s'; --no-drop-root looks in sudo's PATH "
			 "alone, but takes a full name",
			 otherwise);
		return;
	}
	if (hint_at_directory(name))
		return;
	if (is_script(name))
		log_hint("memprobe -- python3 %s", name);
	else if (is_file(name))
		log_hint("PATH does not lead here: memprobe -- ./%s", name);
	else if (by_sudo)
		log_hint("it is neither in sudo's PATH nor in that of the shell which called sudo; "
			 "sudo env PATH=\"$PATH\" memprobe ... sets another");
	else if (strchr(name, '/'))
		log_hint("no file is there; a name without '/' is looked for in PATH");
	else
		log_hint("it is in no directory of PATH; its full name works from anywhere");
}

int command_refuse_name(const char *name, int error, bool by_sudo, const char *otherwise)
{
	if (error != -ENOENT)
		return command_refuse(name, error);
	log_error("cannot find '%s': no such command", name);
	hint_at_command(name, by_sudo && !strchr(name, '/'), otherwise);
	return EXIT_NOT_FOUND;
}

static bool is_elf(const char *name)
{
	_cleanup_(closep) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char magic[SELFMAG];

	return fd >= 0 && read(fd, magic, SELFMAG) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);
}

int command_refuse(const char *name, int error)
{
	if (error == -ENOENT) /* the file was there when it was looked up */
		log_error("cannot execute '%s': the interpreter of its #! line is not there", name);
	else
		log_error("cannot execute '%s': %s", name, strerror(-error));
	if (error == -EACCES && hint_at_directory(name))
		return EXIT_CANNOT_EXECUTE;
	if (error == -EACCES)
		log_hint("make it executable, or name its interpreter: memprobe -- python3 %s",
			 name);
	else if (error == -ENOEXEC && is_elf(name))
		log_hint("it is an ELF program, damaged or made for another machine");
	else if (error == -ENOEXEC)
		log_hint("it has no #! line; name its interpreter: memprobe -- python3 %s", name);
	else if (error == -ENOENT)
		log_hint("name another: memprobe -- python3 %s", name);
	return EXIT_CANNOT_EXECUTE;
}
