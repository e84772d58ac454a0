/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading dumps; see dump_file.h. */
#include "dump_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "dump.h"
#include "log.h"
#include "memory.h"
#include "profile_allocs.h"
#include "report_lines.h"
#include "stream.h"

#define MAX_PIPE_BYTES (1ULL << 30) /* they are kept in memory */

/* Waits for a FIFO's writer, too. */
static int copy_pipe(int from, int to)
{
	char bytes[1 << 16];
	uint64_t copied = 0;

	for (;;) {
		struct pollfd ready = { .fd = from, .events = POLLIN };
		ssize_t size;
		int error;

		if (poll(&ready, 1, -1) < 0)
			return -errno;
		size = read(from, bytes, sizeof(bytes));
		if (size < 0 && errno == EAGAIN)
			continue;
		if (size <= 0)
			return size < 0 ? -errno : 0;
		copied += (uint64_t)size;
		error = copied > MAX_PIPE_BYTES ? -EFBIG : stream_write(to, bytes, (size_t)size);
		if (error)
			return error;
	}
}

/* A dump is read at any place, a pipe only onwards: fd becomes a copy of it in memory. */
static int replace_pipe(int fd)
{
	_cleanup_(closep) int copy = -1;
	struct stat status;
	int error;

	if (fstat(fd, &status))
		return -errno;
	if (!S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode))
		return 0;
	copy = memfd_create("dump", MFD_CLOEXEC);
	if (copy < 0)
		return -errno;
	error = copy_pipe(fd, copy);
	if (!error && dup3(copy, fd, O_CLOEXEC) < 0)
		error = -errno;
	return error;
}

static int read_dump(const char *path, struct profile **ret_profile, struct dump_error *ret_error)
{
	bool is_input = !strcmp(path, "-");
	_cleanup_(closep) int fd = is_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
					    : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int error = fd < 0 ? -errno : replace_pipe(fd);

	if (!error)
		return dump_read_fd(fd, ret_profile, ret_error);
	*ret_error = (struct dump_error){ .failure = DUMP_IO_ERROR, .error_number = -error };
	return error;
}

static const char *why_incomplete(const struct profile *profile)
{
	if (!profile->nr_captures)
		return "the capture did not end";
	return profile->nr_captures == 1 ? "the dump in it was not whole"
					 : "one of the dumps in it was not whole";
}

static void tell_incomplete(const char *name, const struct profile *profile)
{
	const char *why = why_incomplete(profile);
	uint64_t unread = profile->meta.unread_bytes;

	if (unread)
		log_note("'%s' is incomplete: %s; %" PRIu64
			 " %s at its end are no whole block, and left out",
			 name, why, unread, unread == 1 ? "byte" : "bytes");
	else
		log_note("'%s' is incomplete: %s", name, why);
}

/* Says what is missing of it, or may be. */
static void tell_state(const char *name, const struct profile *profile)
{
	uint64_t bytes = profile->meta.unread_bytes;
	const char *unit = bytes == 1 ? "byte" : "bytes";

	switch (profile->meta.damage) {
	case DAMAGE_NONE:
		if (!profile->meta.is_complete)
			tell_incomplete(name, profile);
		break;
	case DAMAGE_CUT_OFF:
		log_warning("'%s' is damaged: it was cut off, and lacks %" PRIu64 " %s at its end",
			    name, bytes, unit);
		break;
	case DAMAGE_BLOCK:
		log_warning("'%s' is damaged: a block with a wrong checksum or size, and what is "
			    "behind it, %" PRIu64 " %s, are left out",
			    name, bytes, unit);
		break;
	case DAMAGE_LONGER:
		log_warning("'%s' is damaged: it is %" PRIu64 " %s longer than when it was written",
			    name, bytes, unit);
		break;
	}
}

int dump_file_read(const char *path, struct profile **ret_profile)
{
	const char *name = strcmp(path, "-") ? path : "standard input";
	struct dump_error why = { 0 };
	char text[DUMP_ERROR_TEXT_BYTES];
	int error = read_dump(path, ret_profile, &why);

	if (error) {
		dump_error_text(&why, text);
		log_error("cannot read '%s': %s", name, text);
		if (dump_error_hint(&why))
			log_hint("%s", dump_error_hint(&why));
		return error;
	}
	tell_state(name, *ret_profile);
	return 0;
}

static bool has_allocs(const struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++) {
		if (profile->processes[i].has_allocs)
			return true;
	}
	return false;
}

void dump_file_compare_allocs(const struct profile *first, const struct profile *second,
			      const char *second_path)
{
	uint64_t one = allocs_least_block(&first->meta), other = allocs_least_block(&second->meta);

	if (one == other || !has_allocs(first) || !has_allocs(second))
		return;
	log_warning("'%s' has followed blocks from %" PRIu64 " bytes on, the other from %" PRIu64
		    ": smaller ones are in one alone, as if allocated there only",
		    second_path, other, one);
}

void dump_file_compare_native(const struct profile *first, const struct profile *second,
			      const char *second_path)
{
	if (first->has_native == second->has_native)
		return;
	log_warning("'%s' %s rows of C functions, the other %s: what these took is their callers' "
		    "own where there are none",
		    second_path, second->has_native ? "has" : "has no",
		    second->has_native ? "has none" : "has");
	log_hint("record both with --native, or both without");
}

int dump_file_report(const struct profile *profile, const struct report_settings *settings,
		     const struct option_pids *pids, bool force)
{
	struct report_lines lines;
	const struct report_sources sources = report_lines_sources(&lines);
	const struct report_target target = {
		.fd = STDOUT_FILENO, .name = "standard output", .force = force, .sources = &sources
	};
	int error;

	report_lines_init(&lines, profile, false, false);
	error = report_run(profile, settings, pids, &target);
	report_lines_clear(&lines);
	if (error == -EPIPE)
		return EXIT_PIPE;
	return error ? EXIT_FAILED : EXIT_DONE;
}
