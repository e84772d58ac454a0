/* SPDX-License-Identifier: BSD-2-Clause */
/* What target_open opens, and what not: each case a file in a directory of its own. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory.h"
#include "source_lines.h"
#include "target_open.h"

#define MAX_BYTES 4096
#define NOBODY 65534

static char directory[] = "/tmp/memprobe-open-XXXXXX";

static char *path_of(const char *name)
{
	return xasprintf("%s/%s", directory, name);
}

static void write_file(const char *name, mode_t mode, const char *text)
{
	_cleanup_(freep) char *path = path_of(name);
	_cleanup_(closep) int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
}

/* The name's first bytes, or "" with the error in *ret_error. */
static void read_named(const char *name, const struct target_user *user, char text[16],
		       int *ret_error)
{
	_cleanup_(freep) char *path = path_of(name);
	_cleanup_(closep) int fd = target_open_here(path, user, MAX_BYTES);

	memset(text, 0, 16);
	*ret_error = fd < 0 ? fd : 0;
	if (fd >= 0)
		assert_true(read(fd, text, 15) >= 0);
}

static int error_of(const char *name, const struct target_user *user)
{
	char text[16];
	int error;

	read_named(name, user, text, &error);
	return error;
}

static void opens_regular_files(void **state)
{
	char text[16];
	int error;

	write_file("regular", 0644, "text");
	read_named("regular", NULL, text, &error);
	assert_int_equal(error, 0);
	assert_string_equal(text, "text");
	assert_int_equal(error_of("absent", NULL), -ENOENT);
}

static void refuses_what_is_no_file(void **state)
{
	_cleanup_(freep) char *fifo = path_of("fifo"), *link = path_of("link");

	assert_int_equal(mkfifo(fifo, 0666), 0);
	assert_int_equal(error_of("fifo", NULL), -EINVAL);
	assert_int_equal(error_of(".", NULL), -EINVAL);
	assert_int_equal(symlink("/dev/zero", link), 0);
	assert_int_equal(error_of("link", NULL), -EINVAL);
	/* S_ISREG, both of them. */
	assert_int_equal(target_open_here("/proc/self/status", NULL, MAX_BYTES), -EINVAL);
	assert_int_equal(target_open_here("/sys/kernel/uevent_seqnum", NULL, MAX_BYTES), -EINVAL);
}

static void refuses_large_files(void **state)
{
	_cleanup_(freep) char *path = path_of("large");

	write_file("large", 0644, "");
	assert_int_equal(truncate(path, MAX_BYTES), 0);
	assert_int_equal(error_of("large", NULL), 0);
	assert_int_equal(truncate(path, MAX_BYTES + 1), 0);
	assert_int_equal(error_of("large", NULL), -EFBIG);
}

static void follows_no_magic_links(void **state)
{
	_cleanup_(freep) char *link = path_of("own_exe");

	assert_int_equal(symlink("/proc/self/exe", link), 0);
	assert_int_equal(error_of("own_exe", NULL), -ELOOP);
}

static void opens_as_a_user(void **state)
{
	struct target_user nobody = target_user_nobody(), root = target_user_of(0, 0);
	int own_groups = getgroups(0, NULL);

	if (geteuid() != 0)
		skip();
	write_file("secret", 0600, "secret");
	assert_int_equal(error_of("secret", NULL), 0);
	assert_int_equal(error_of("secret", &root), 0);
	assert_int_equal(error_of("secret", &nobody), -EACCES);
	assert_int_equal(error_of("regular", &nobody), 0);
	/* And is itself again. */
	assert_int_equal(error_of("secret", NULL), 0);
	assert_int_equal(getgroups(0, NULL), own_groups);
}

static void opens_with_a_group_of_the_user(void **state)
{
	_cleanup_(freep) char *path = path_of("grouped");
	struct target_user member = target_user_nobody();

	if (geteuid() != 0)
		skip();
	write_file("grouped", 0640, "text");
	assert_int_equal(chown(path, 0, 4321), 0);
	assert_int_equal(error_of("grouped", &member), -EACCES);
	member.groups[member.nr_groups++] = 4321;
	assert_int_equal(error_of("grouped", &member), 0);
}

/* A child in a root of its own, until it is killed. */
static pid_t start_rooted(const char *root)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (chroot(root) || write(ready[1], "!", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void stays_inside_of_a_root(void **state)
{
	_cleanup_(freep) char *root = path_of("root"), *inner = path_of("root/inner"),
			      *out = path_of("root/out"), *up = path_of("root/up");
	static const struct {
		unsigned int mount, is_known;
		int result;
	} differs[] = { { 0, 1, 0 }, { 1, 1, -ESRCH }, { 0, 0, -ESRCH } };
	char text[16] = "";
	pid_t pid;
	int fd;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(root, 0755), 0);
	write_file("root/regular", 0644, "inside");
	assert_int_equal(symlink("/regular", inner), 0);
	assert_int_equal(symlink("/etc/passwd", out), 0);
	assert_int_equal(symlink("../../../../../../etc/passwd", up), 0);
	pid = start_rooted(root);
	fd = target_open_inside(pid, "/inner", NULL, MAX_BYTES);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, text, 15), 6);
	close(fd);
	assert_string_equal(text, "inside");
	for (size_t i = 0; i < ARRAY_SIZE(differs); i++) {
		int opened = open(root, O_PATH | O_CLOEXEC);
		struct target_root own = target_root_of(opened);

		close(opened);
		own.mount += differs[i].mount;
		own.inode *= differs[i].is_known;
		fd = target_open_within(pid, &own, "/inner", NULL, MAX_BYTES);
		assert_int_equal(fd < 0 ? fd : 0, differs[i].result);
		closep(&fd);
	}
	assert_int_equal(target_open_inside(pid, "/out", NULL, MAX_BYTES), -ENOENT);
	assert_int_equal(target_open_inside(pid, "/up", NULL, MAX_BYTES), -ENOENT);
	end(pid);
	assert_int_equal(target_open_inside(pid, "/inner", NULL, MAX_BYTES), -ESRCH);
}

static void reads_who_a_process_is(void **state)
{
	struct target_user user;

	assert_int_equal(target_user_read(getpid(), &user), 0);
	assert_int_equal(user.uid, geteuid());
	assert_int_equal(user.gid, getegid());
	assert_int_equal(user.nr_groups, getgroups(0, NULL));
	assert_int_equal(target_user_read(-1, &user), -ESRCH);
}

/* ---- source_lines ---- */

#define LINE(line)               \
	{                        \
		.number = (line) \
	}

static uint64_t read_lines(const char *text, struct source_line *lines, size_t count)
{
	static int number;
	_cleanup_(freep) char *name = xasprintf("lines%d", number++), *path = path_of(name);
	_cleanup_(closep) int fd = -1;

	write_file(name, 0644, text);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return source_lines_read(fd, lines, count);
}

static void finds_lines(void **state)
{
	struct source_line lines[] = { LINE(1), LINE(3), LINE(3), LINE(4), LINE(9) };

	read_lines("first\n\n \t third = 3 \nlast", lines, ARRAY_SIZE(lines));
	assert_string_equal(lines[0].text, "first");
	assert_string_equal(lines[1].text, "third = 3 ");
	assert_string_equal(lines[2].text, "third = 3 ");
	assert_string_equal(lines[3].text, "last");
	assert_string_equal(lines[4].text, "");
}

static void cuts_long_lines_between_parts(void **state)
{
	_cleanup_(freep) char *text = xcalloc(1, 200001);
	struct source_line lines[] = { LINE(-5), LINE(0), LINE(1), LINE(2), LINE(3) };

	memset(text, 'x', 200000);
	text[65530] = '\n'; /* line 2 begins in one part and goes on in the next */
	text[150000] = '\n';
	assert_int_equal(read_lines(text, lines, ARRAY_SIZE(lines)), 200000);
	assert_string_equal(lines[0].text, "");
	assert_int_equal(strlen(lines[2].text), SOURCE_LINE_BYTES - 1);
	assert_int_equal(strlen(lines[3].text), SOURCE_LINE_BYTES - 1);
	assert_int_equal(strlen(lines[4].text), SOURCE_LINE_BYTES - 1);
}

static void reads_no_further_than_asked(void **state)
{
	_cleanup_(freep) char *text = xcalloc(1, 1000001);
	struct source_line lines[] = { LINE(1) };

	memset(text, '\n', 1000000);
	assert_true(read_lines(text, lines, 1) <= 65536);
}

static int make_directory(void **state)
{
	return !mkdtemp(directory) || chmod(directory, 0755);
}

static int remove_directory(void **state)
{
	_cleanup_(freep) char *command = xasprintf("rm -r '%s'", directory);

	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_regular_files),
		cmocka_unit_test(refuses_what_is_no_file),
		cmocka_unit_test(refuses_large_files),
		cmocka_unit_test(follows_no_magic_links),
		cmocka_unit_test(opens_as_a_user),
		cmocka_unit_test(opens_with_a_group_of_the_user),
		cmocka_unit_test(stays_inside_of_a_root),
		cmocka_unit_test(reads_who_a_process_is),
		cmocka_unit_test(finds_lines),
		cmocka_unit_test(cuts_long_lines_between_parts),
		cmocka_unit_test(reads_no_further_than_asked),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
