/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to files: refused, replaced, rotated, kept when the disk is full, and made with the
 * rights of the one for whom they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dump.h"
#include "dump_fixture.h"
#include "memory.h"

#define SOMEONE 54321 /* a user that is not us */

struct scratch {
	char *directory, *path, *other;
	struct profile *profile;
	struct dump_create options;
	struct dump_writer *writer;
};

static int set_up(void **state)
{
	struct scratch *scratch = xcalloc(1, sizeof(*scratch));

	scratch->directory = dump_fixture_directory();
	scratch->path = xasprintf("%s/dump", scratch->directory);
	scratch->other = xasprintf("%s/dump.old", scratch->directory);
	scratch->profile = dump_fixture_profile();
	scratch->options = (struct dump_create){
		.path = scratch->path,
		.uid = geteuid(),
		.gid = getegid(),
	};
	*state = scratch;
	return 0;
}

static int tear_down(void **state)
{
	struct scratch *scratch = *state;

	dump_abandon(scratch->writer);
	profile_free(scratch->profile);
	dump_fixture_remove(scratch->directory);
	free(scratch->path);
	free(scratch->other);
	free(scratch);
	return 0;
}

static int create(struct scratch *scratch)
{
	return dump_create(&scratch->options, &scratch->writer);
}

static int flush(struct scratch *scratch)
{
	return dump_flush(scratch->writer, scratch->profile);
}

static void assert_reads(const char *path, const struct profile *wanted, bool is_complete)
{
	struct profile *got = NULL;
	struct dump_error error = { 0 };
	char *difference;

	assert_int_equal(dump_read(path, &got, &error), 0);
	difference = dump_fixture_difference(wanted, got);
	if (difference)
		fail_msg("%s", difference);
	assert_int_equal(got->meta.is_complete, is_complete);
	profile_free(got);
}

static void assert_text(const char *path, const char *wanted)
{
	_cleanup_(packed_bytes_free) struct packed_bytes got = dump_fixture_load(path);

	assert_int_equal(got.size, strlen(wanted));
	assert_memory_equal(got.bytes, wanted, got.size);
}

static mode_t kind_of(const char *path)
{
	struct stat status;

	return lstat(path, &status) < 0 ? 0 : status.st_mode & S_IFMT;
}

/* Files of the directory, in whatever state. */
static int count_files(const char *directory)
{
	DIR *entries = opendir(directory);
	int count = 0;

	for (struct dirent *entry; (entry = readdir(entries));)
		count += entry->d_name[0] != '.';
	closedir(entries);
	return count;
}

static void assert_snapshot(const struct scratch *scratch, const char *wanted)
{
	_cleanup_(freep) char *written = NULL;

	assert_int_equal(dump_snapshot(&scratch->options, NULL, scratch->profile, &written), 0);
	assert_string_equal(written, wanted);
	assert_reads(wanted, scratch->profile, true);
}

/* Its name is there when all of it is, and is nobody's that was there before. */
static void late_name(void **state)
{
	struct scratch *scratch = *state;

	scratch->options.is_late = true;
	assert_int_equal(create(scratch), 0);
	assert_int_equal(kind_of(scratch->path), 0);
	assert_int_equal(count_files(scratch->directory), 1);
	dump_discard(TAKE(scratch->writer));
	assert_int_equal(count_files(scratch->directory), 0);
	assert_snapshot(scratch, scratch->path);
	assert_int_equal(count_files(scratch->directory), 1);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

/* Whatever has a name keeps it, and no reader of a FIFO gets what was never meant for it. */
static void late_takes_the_first_free_name(void **state)
{
	struct scratch *scratch = *state;
	char *names[9];
	int reader;

	for (int number = 0; number < (int)ARRAY_SIZE(names); number++)
		names[number] = xasprintf("%s.%d", scratch->path, number);
	assert_int_equal(mkfifo(names[1], 0666), 0);
	reader = open(names[1], O_RDONLY | O_NONBLOCK);
	assert_int_equal(mkdir(names[2], 0700), 0);
	assert_int_equal(symlink(names[8], names[3]), 0);
	assert_int_equal(symlink("/", names[4]), 0);
	make_socket(names[5]);
	dump_fixture_store(names[6], "precious", 8);
	scratch->options.is_late = true;
	scratch->options.number = 1;
	assert_snapshot(scratch, names[7]);
	assert_snapshot(scratch, names[8]);
	assert_int_equal(kind_of(names[1]), S_IFIFO);
	assert_int_equal(kind_of(names[3]), S_IFLNK);
	assert_text(names[6], "precious");
	assert_int_equal(count_files(scratch->directory), 8);
	close(reader);
	for (size_t number = 0; number < ARRAY_SIZE(names); number++)
		free(names[number]);
}

static void late_name_is_taken_meanwhile(void **state)
{
	struct scratch *scratch = *state;
	_cleanup_(freep) char *next = xasprintf("%s.1", scratch->path);

	scratch->options.is_late = true;
	assert_int_equal(create(scratch), 0);
	assert_int_equal(symlink("nowhere", scratch->path), 0);
	assert_int_equal(flush(scratch), 0);
	assert_int_equal(kind_of(scratch->path), S_IFLNK);
	assert_reads(next, scratch->profile, false);
}

static void no_late_name_is_free(void **state)
{
	struct scratch *scratch = *state;
	_cleanup_(freep) char *last = xasprintf("%s.99999", scratch->path), *meant = NULL;

	scratch->options.is_late = true;
	scratch->options.number = 99998;
	dump_fixture_store(last, "precious", 8);
	assert_int_equal(create(scratch), 0);
	assert_int_equal(flush(scratch), 0);
	assert_int_equal(dump_snapshot(&scratch->options, NULL, scratch->profile, &meant), -EEXIST);
	assert_string_equal(meant, last);
	assert_text(last, "precious");
	assert_int_equal(count_files(scratch->directory), 2);
}

static void existing_is_refused(void **state)
{
	struct scratch *scratch = *state;

	dump_fixture_store(scratch->path, "precious", 8);
	assert_int_equal(create(scratch), -EEXIST);
	assert_null(scratch->writer);
	assert_text(scratch->path, "precious");
}

static void link_is_refused(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(symlink("nowhere", scratch->path), 0);
	assert_int_equal(create(scratch), -ELOOP);
	assert_int_equal(dump_fixture_count(scratch->directory), 1);
}

static void bad_places_are_refused(void **state)
{
	struct scratch *scratch = *state;
	static const struct {
		const char *path;
		int err;
	} cases[] = {
		{ "", -ENOENT },
		{ "/proc/nonexistent/x", -ENOENT }, /* where nobody can make it */
		{ "/dev/null/x", -ENOTDIR },
		{ "/dev/", -EISDIR },
		{ "/dev", -EISDIR },
		{ "/dev/full", -EINVAL },
		{ "/dev/fd/987654", -EBADF },
		{ "/tmp/..", -EISDIR },
		{ ".", -EISDIR },
	};

	scratch->options.force = true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scratch->options.path = cases[i].path;
		assert_int_equal(create(scratch), cases[i].err);
		assert_null(scratch->writer);
	}
	assert_int_equal(kind_of("/dev/full"), S_IFCHR);
}

static void force_replaces_at_first_flush(void **state)
{
	struct scratch *scratch = *state;

	dump_fixture_store(scratch->path, "precious", 8);
	scratch->options.force = true;
	assert_int_equal(create(scratch), 0);
	assert_text(scratch->path, "precious");
	assert_int_equal(flush(scratch), 0);
	assert_reads(scratch->path, scratch->profile, false);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_reads(scratch->path, scratch->profile, true);
	assert_int_equal(dump_fixture_count(scratch->directory), 1);
}

static void force_replaces_at_close(void **state)
{
	struct scratch *scratch = *state;

	dump_fixture_store(scratch->path, "precious", 8);
	scratch->options.force = true;
	assert_int_equal(create(scratch), 0);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_reads(scratch->path, scratch->profile, true);
	assert_int_equal(dump_fixture_count(scratch->directory), 1);
}

static void force_loses_nothing_when_given_up(void **state)
{
	struct scratch *scratch = *state;

	dump_fixture_store(scratch->path, "precious", 8);
	scratch->options.force = true;
	assert_int_equal(create(scratch), 0);
	dump_abandon(TAKE(scratch->writer));
	assert_int_equal(create(scratch), 0);
	dump_discard(TAKE(scratch->writer));
	assert_text(scratch->path, "precious");
	assert_int_equal(dump_fixture_count(scratch->directory), 1);
}

static void force_replaces_the_link_itself(void **state)
{
	struct scratch *scratch = *state;

	dump_fixture_store(scratch->other, "precious", 8);
	assert_int_equal(symlink(scratch->other, scratch->path), 0);
	scratch->options.force = true;
	assert_int_equal(create(scratch), 0);
	assert_int_equal(kind_of(scratch->path), S_IFLNK);
	assert_int_equal(flush(scratch), 0);
	assert_int_equal(kind_of(scratch->path), S_IFREG);
	assert_reads(scratch->path, scratch->profile, false);
	assert_text(scratch->other, "precious");
}

static void force_without_anything_there(void **state)
{
	struct scratch *scratch = *state;

	scratch->options.force = true;
	assert_int_equal(create(scratch), 0);
	assert_int_equal(kind_of(scratch->path), S_IFREG);
	dump_abandon(TAKE(scratch->writer));
	assert_int_equal(dump_fixture_count(scratch->directory), 1);
}

static void discard_removes_what_holds_nothing(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(create(scratch), 0);
	dump_discard(TAKE(scratch->writer));
	assert_int_equal(dump_fixture_count(scratch->directory), 0);
	assert_int_equal(create(scratch), 0);
	assert_int_equal(flush(scratch), 0);
	dump_discard(TAKE(scratch->writer));
	assert_reads(scratch->path, scratch->profile, false);
}

static void file_mode_is_kept(void **state)
{
	struct scratch *scratch = *state;
	struct stat status;

	assert_int_equal(create(scratch), 0);
	assert_int_equal(stat(scratch->path, &status), 0);
	assert_int_equal(status.st_mode & 0133, 0);
	assert_int_equal(chmod(scratch->path, 0600), 0);
	assert_int_equal(flush(scratch), 0);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_int_equal(stat(scratch->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

/* Someone took our file away and put another there: that one is not ours to replace. */
static void moved_file_is_followed(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(create(scratch), 0);
	assert_int_equal(flush(scratch), 0);
	assert_int_equal(rename(scratch->path, scratch->other), 0);
	dump_fixture_store(scratch->path, "precious", 8);
	assert_int_equal(flush(scratch), 0);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_text(scratch->path, "precious");
	assert_reads(scratch->other, scratch->profile, true);
	assert_int_equal(dump_fixture_count(scratch->directory), 2);
}

static void assert_path(char *got, const char *directory, const char *name)
{
	_cleanup_(freep) char *owned = got, *real = realpath(directory, NULL);
	_cleanup_(freep) char *wanted = xasprintf("%s/%s", real, name);

	assert_non_null(got);
	assert_string_equal(got, wanted);
}

/* Another directory's file is nothing that whoever owns ours should be able to have made. */
static void swapped_directory_is_not_followed(void **state)
{
	struct scratch *scratch = *state;
	_cleanup_(freep) char *place = xasprintf("%s/place", scratch->directory);
	_cleanup_(freep) char *moved = xasprintf("%s/moved", scratch->directory);
	_cleanup_(freep) char *victim = xasprintf("%s/victim", scratch->directory);
	_cleanup_(freep) char *path = xasprintf("%s/dump", place);
	_cleanup_(freep) char *snapshot = xasprintf("%s.1", path), *given = NULL;
	char *written = NULL;

	assert_int_equal(mkdir(place, 0777), 0);
	assert_int_equal(mkdir(victim, 0777), 0);
	assert_int_equal(chmod(scratch->directory, 0755), 0);
	if (!geteuid()) {
		assert_int_equal(chown(place, SOMEONE, SOMEONE), 0);
		scratch->options.uid = scratch->options.gid = SOMEONE;
	}
	scratch->options.path = path;
	assert_int_equal(create(scratch), 0);
	given = dump_path(scratch->writer);
	assert_string_equal(given, path);
	assert_int_equal(rename(place, moved), 0);
	assert_int_equal(symlink(victim, place), 0);
	scratch->options.path = snapshot;
	scratch->options.is_late = true;
	assert_int_equal(
		dump_snapshot(&scratch->options, scratch->writer, scratch->profile, &written), 0);
	assert_path(written, moved, "dump.1");
	assert_path(dump_path(scratch->writer), moved, "dump");
	assert_int_equal(count_files(victim), 0);
	assert_int_equal(count_files(moved), 2);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_int_equal(unlink(place), 0);
	assert_int_equal(rename(moved, place), 0);
	assert_reads(path, scratch->profile, true);
	assert_reads(snapshot, scratch->profile, true);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(snapshot), 0);
}

static void removed_file_has_no_path(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(create(scratch), 0);
	assert_int_equal(unlink(scratch->path), 0);
	assert_null(dump_path(scratch->writer));
}

/* ---- Removed while it is written ---- */

static void removed_file_is_made_anew(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(create(scratch), 0);
	assert_int_equal(flush(scratch), 0);
	assert_int_equal(unlink(scratch->path), 0);
	assert_int_equal(flush(scratch), 1);
	assert_reads(scratch->path, scratch->profile, false);
	assert_int_equal(flush(scratch), 0);
	assert_int_equal(unlink(scratch->path), 0);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_reads(scratch->path, scratch->profile, true);
	assert_int_equal(dump_fixture_count(scratch->directory), 1);
}

static void removed_file_whose_name_is_taken(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(create(scratch), 0);
	assert_int_equal(unlink(scratch->path), 0);
	dump_fixture_store(scratch->path, "precious", 8);
	assert_int_equal(flush(scratch), -EEXIST);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), -EEXIST);
	assert_text(scratch->path, "precious");
	assert_int_equal(dump_fixture_count(scratch->directory), 1);
}

static void removed_directory_is_told(void **state)
{
	struct scratch *scratch = *state;
	_cleanup_(freep) char *directory = xasprintf("%s/sub", scratch->directory);
	_cleanup_(freep) char *path = xasprintf("%s/dump", directory);

	for (int flushes = 0; flushes < 2; flushes++) {
		assert_int_equal(mkdir(directory, 0755), 0);
		scratch->options.path = path;
		assert_int_equal(create(scratch), 0);
		assert_int_equal(flush(scratch), 0);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(rmdir(directory), 0);
		for (int i = 0; i < flushes; i++)
			assert_int_equal(flush(scratch), -ENOENT);
		assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), -ENOENT);
	}
}

/* ---- What cannot be replaced ---- */

static void sticky_directory_is_known_early(void **state)
{
	struct scratch *scratch = *state;

	if (geteuid())
		skip();
	assert_int_equal(chmod(scratch->directory, 01777), 0);
	dump_fixture_store(scratch->path, "precious", 8);
	scratch->options.uid = scratch->options.gid = SOMEONE;
	assert_int_equal(create(scratch), -EEXIST);
	scratch->options.force = true;
	assert_int_equal(create(scratch), -EPERM);
	assert_text(scratch->path, "precious");
	assert_int_equal(dump_fixture_count(scratch->directory), 1);
	assert_int_equal(chown(scratch->path, SOMEONE, SOMEONE), 0);
	assert_int_equal(create(scratch), 0);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_reads(scratch->path, scratch->profile, true);
}

/* What could be replaced at first, and later not: old and new are both there. */
static void unreplaced_dump_is_kept(void **state)
{
	struct scratch *scratch = *state;
	_cleanup_(freep) char *waiting = NULL;

	if (geteuid())
		skip();
	assert_int_equal(chmod(scratch->directory, 0777), 0);
	dump_fixture_store(scratch->path, "precious", 8);
	scratch->options.uid = scratch->options.gid = SOMEONE;
	scratch->options.force = true;
	assert_int_equal(create(scratch), 0);
	assert_int_equal(chmod(scratch->directory, 01777), 0);
	assert_int_equal(flush(scratch), -EPERM);
	assert_non_null(dump_waiting(scratch->writer));
	waiting = xasprintf("%s/%s", scratch->directory, dump_waiting(scratch->writer));
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), -EPERM);
	assert_text(scratch->path, "precious");
	assert_reads(waiting, scratch->profile, true);
	assert_int_equal(dump_fixture_count(scratch->directory), 2);
}

/* ---- Streams ---- */

/* The bytes come at the end, all of them. */
static void stream_gets_the_whole(void **state)
{
	struct scratch *scratch = *state;
	_cleanup_(freep) char *name = NULL;
	static uint8_t bytes[65536];
	ssize_t size;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	name = xasprintf("/dev/fd/%d", ends[1]);
	scratch->options.path = name;
	assert_int_equal(create(scratch), 0);
	assert_true(dump_is_stream(scratch->writer));
	assert_int_equal(flush(scratch), 0);
	assert_int_equal(flush(scratch), 0);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	close(ends[1]);
	size = read(ends[0], bytes, sizeof(bytes));
	close(ends[0]);
	assert_true(size > 0 && size < (ssize_t)sizeof(bytes));
	dump_fixture_store(scratch->other, bytes, size);
	assert_reads(scratch->other, scratch->profile, true);
}

static void null_and_fifo_are_not_replaced(void **state)
{
	struct scratch *scratch = *state;
	int reader;

	scratch->options.force = true;
	scratch->options.path = "/dev/null";
	assert_int_equal(create(scratch), 0);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_int_equal(kind_of("/dev/null"), S_IFCHR);
	scratch->options.path = scratch->path;
	assert_int_equal(mkfifo(scratch->path, 0600), 0);
	reader = open(scratch->path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(create(scratch), 0);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_int_equal(kind_of(scratch->path), S_IFIFO);
	close(reader);
}

static void stream_without_reader_fails(void **state)
{
	struct scratch *scratch = *state;
	_cleanup_(freep) char *name = NULL;
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	name = xasprintf("/dev/fd/%d", ends[1]);
	scratch->options.path = name;
	assert_int_equal(create(scratch), 0);
	close(ends[0]);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), -EPIPE);
	close(ends[1]);
}

/* ---- The default name ---- */

static int rotate(const struct scratch *scratch)
{
	return dump_rotate(scratch->path, geteuid(), getegid());
}

static void rotate_keeps_one_old(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(rotate(scratch), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(create(scratch), 0);
		assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
		assert_int_equal(rotate(scratch), 0);
		assert_int_equal(kind_of(scratch->path), 0);
		assert_reads(scratch->other, scratch->profile, true);
	}
	assert_int_equal(dump_fixture_count(scratch->directory), 1);
}

static void rotate_spares_other_files(void **state)
{
	struct scratch *scratch = *state;

	dump_fixture_store(scratch->path, "precious", 8);
	assert_int_equal(rotate(scratch), -EEXIST);
	assert_text(scratch->path, "precious");
	assert_int_equal(rename(scratch->path, scratch->other), 0);
	assert_int_equal(create(scratch), 0);
	dump_abandon(TAKE(scratch->writer));
	assert_int_equal(rotate(scratch), -ENOTEMPTY);
	assert_text(scratch->other, "precious");
	assert_int_equal(unlink(scratch->path), 0);
	assert_int_equal(symlink(scratch->other, scratch->path), 0);
	assert_int_equal(rotate(scratch), -EEXIST);
	assert_int_equal(kind_of(scratch->path), S_IFLNK);
}

static void rotate_spares_dumps_of_others(void **state)
{
	struct scratch *scratch = *state;

	if (geteuid())
		skip();
	assert_int_equal(create(scratch), 0);
	dump_abandon(TAKE(scratch->writer));
	assert_int_equal(chown(scratch->directory, SOMEONE, SOMEONE), 0);
	assert_int_equal(dump_rotate(scratch->path, SOMEONE, SOMEONE), -EEXIST);
	assert_int_equal(chown(scratch->path, SOMEONE, SOMEONE), 0);
	assert_int_equal(rotate(scratch), -EEXIST);
	assert_int_equal(dump_rotate(scratch->path, SOMEONE, SOMEONE), 0);
	assert_int_equal(kind_of(scratch->other), S_IFREG);
}

static void assert_still_root(void)
{
	gid_t groups[8];

	assert_int_equal(geteuid(), 0);
	assert_int_equal(getegid(), 0);
	assert_int_equal(getgroups(ARRAY_SIZE(groups), groups), 1);
	assert_int_equal(groups[0], 77);
}

/* Rewriting and closing too: every file on the way belongs to the user. */
static void files_belong_to_the_user(void **state)
{
	struct scratch *scratch = *state;
	struct stat status;
	gid_t group = 77;

	if (geteuid())
		skip();
	assert_int_equal(setgroups(1, &group), 0);
	assert_int_equal(chown(scratch->directory, SOMEONE, SOMEONE), 0);
	scratch->options.uid = scratch->options.gid = SOMEONE;
	scratch->options.force = true;
	dump_fixture_store(scratch->path, "root's", 6);
	assert_int_equal(create(scratch), 0);
	assert_still_root();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(flush(scratch), 0);
		assert_still_root();
		assert_int_equal(stat(scratch->path, &status), 0);
		assert_int_equal(status.st_uid, SOMEONE);
		assert_int_equal(status.st_gid, SOMEONE);
	}
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_still_root();
	assert_int_equal(stat(scratch->path, &status), 0);
	assert_int_equal(status.st_uid, SOMEONE);
	assert_reads(scratch->path, scratch->profile, true);
}

static void users_rights_are_enough_or_not(void **state)
{
	struct scratch *scratch = *state;
	gid_t group = 77;

	if (geteuid())
		skip();
	assert_int_equal(setgroups(1, &group), 0);
	assert_int_equal(chmod(scratch->directory, 0775), 0);
	assert_int_equal(chown(scratch->directory, 0, group), 0);
	scratch->options.uid = scratch->options.gid = SOMEONE;
	assert_int_equal(create(scratch), -EACCES);
	assert_still_root();
	assert_int_equal(dump_rotate(scratch->path, SOMEONE, SOMEONE), 0);
	assert_int_equal(chmod(scratch->directory, 0700), 0);
	assert_int_equal(create(scratch), -EACCES);
	assert_int_equal(dump_rotate(scratch->path, SOMEONE, SOMEONE), -EACCES);
	assert_still_root();
	assert_int_equal(dump_fixture_count(scratch->directory), 0);
}

/* Names of functions that do not compress, about `bytes` of them. */
static void add_noise(struct profile *profile, uint64_t *seed, size_t bytes)
{
	struct site site = { .kind = SITE_PYTHON };
	uint64_t words[32];
	uint32_t node;

	for (; bytes > sizeof(words); bytes -= sizeof(words)) {
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			words[i] = dump_fixture_random(seed) | 0x0101010101010101ULL;
		site.name = string_pool_add_bytes(&profile->strings, (char *)words, sizeof(words));
		node = profile_add_node(profile, 0, NO_NODE, profile_add_site(profile, &site), 0);
		profile_add_calls(profile, node, 1);
	}
}

/* What a full disk leaves is the last flush; once there is room again, nothing is missing. */
static void play_full_disk(struct scratch *scratch, int wanted, int (*make_room)(struct scratch *))
{
	_cleanup_(packed_bytes_free) struct packed_bytes before = { 0 }, after = { 0 };
	uint64_t seed = 1;

	assert_int_equal(create(scratch), 0);
	assert_int_equal(flush(scratch), 0);
	before = dump_fixture_load(scratch->path);
	add_noise(scratch->profile, &seed, 150000);
	profile_add_cost(scratch->profile, 0,
			 &(struct cost){ .grown = { 4096 }, .released = { 0 } });
	for (int i = 0; i < 3; i++) {
		assert_int_equal(flush(scratch), wanted);
		after = dump_fixture_load(scratch->path);
		assert_int_equal(before.size, after.size);
		assert_memory_equal(before.bytes, after.bytes, before.size);
		packed_bytes_free(&after);
	}
	assert_true(scratch->profile->nodes[0].has_changed);
	assert_int_equal(make_room(scratch), 0);
	assert_int_equal(flush(scratch), 0);
	assert_reads(scratch->path, scratch->profile, false);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_reads(scratch->path, scratch->profile, true);
}

static int remove_filler(struct scratch *scratch)
{
	return unlink(scratch->other);
}

static void mount_small(const struct scratch *scratch)
{
	static const char zeros[100000];

	if (geteuid() || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", scratch->directory, "tmpfs", 0, "size=500k") < 0)
		skip();
	for (int i = 0; i < 4; i++) {
		FILE *filler = fopen(scratch->other, "ae");

		assert_non_null(filler);
		assert_int_equal(fwrite(zeros, 1, sizeof(zeros), filler), sizeof(zeros));
		assert_int_equal(fclose(filler), 0);
	}
}

static void full_disk_loses_nothing(void **state)
{
	struct scratch *scratch = *state;

	mount_small(scratch);
	play_full_disk(scratch, -ENOSPC, remove_filler);
	assert_int_equal(umount2(scratch->directory, MNT_DETACH), 0);
}

/* The close that finds no room leaves what there was, incomplete. */
static void full_disk_at_close(void **state)
{
	struct scratch *scratch = *state;
	struct profile *before = dump_fixture_profile();
	uint64_t seed = 1;

	mount_small(scratch);
	assert_int_equal(create(scratch), 0);
	assert_int_equal(flush(scratch), 0);
	add_noise(scratch->profile, &seed, 150000);
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), -ENOSPC);
	assert_reads(scratch->path, before, false);
	assert_int_equal(dump_fixture_count(scratch->directory), 2);
	profile_free(before);
	assert_int_equal(umount2(scratch->directory, MNT_DETACH), 0);
}

static int set_limit(rlim_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
		return -errno;
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	return setrlimit(RLIMIT_FSIZE, &limit);
}

static int lift_limit(struct scratch *scratch)
{
	return set_limit(RLIM_INFINITY);
}

/* The same without a disk of our own. */
static void file_size_limit_loses_nothing(void **state)
{
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(set_limit(20000), 0);
	play_full_disk(*state, -EFBIG, lift_limit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(removed_file_is_made_anew),
		TEST(removed_file_whose_name_is_taken),
		TEST(removed_directory_is_told),
		TEST(sticky_directory_is_known_early),
		TEST(unreplaced_dump_is_kept),
		TEST(stream_gets_the_whole),
		TEST(null_and_fifo_are_not_replaced),
		TEST(stream_without_reader_fails),
		TEST(late_name),
		TEST(late_takes_the_first_free_name),
		TEST(late_name_is_taken_meanwhile),
		TEST(no_late_name_is_free),
		TEST(existing_is_refused),
		TEST(link_is_refused),
		TEST(bad_places_are_refused),
		TEST(force_replaces_at_first_flush),
		TEST(force_replaces_at_close),
		TEST(force_loses_nothing_when_given_up),
		TEST(force_replaces_the_link_itself),
		TEST(force_without_anything_there),
		TEST(discard_removes_what_holds_nothing),
		TEST(file_mode_is_kept),
		TEST(moved_file_is_followed),
		TEST(swapped_directory_is_not_followed),
		TEST(removed_file_has_no_path),
		TEST(rotate_keeps_one_old),
		TEST(rotate_spares_other_files),
		TEST(rotate_spares_dumps_of_others),
		TEST(files_belong_to_the_user),
		TEST(users_rights_are_enough_or_not),
		TEST(full_disk_loses_nothing),
		TEST(full_disk_at_close),
		TEST(file_size_limit_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
