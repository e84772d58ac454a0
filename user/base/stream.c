/* SPDX-License-Identifier: BSD-2-Clause */
/* Pipes, descriptors and /dev/null as outputs; see stream.h. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"

#define MEMORY_MAJOR 1 /* Documentation/admin-guide/devices.txt */
#define NULL_MINOR 3
#define MAX_DESCRIPTOR_DIGITS 9
#define READER_LOOK_NS 20000000

/* The number in /dev/fd/N, -1: the path names no descriptor. */
static int descriptor_of(const char *path)
{
	static const struct {
		const char *path;
		int fd;
	} names[] = {
		{ "-", STDOUT_FILENO },
		{ "/dev/stdout", STDOUT_FILENO },
		{ "/dev/stderr", STDERR_FILENO },
	};
	static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(path, names[i].path))
			return names[i].fd;
	}
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		const char *digits = path + strlen(folders[i]);
		size_t length;

		if (strncmp(path, folders[i], strlen(folders[i])) != 0)
			continue;
		length = strspn(digits, "0123456789");
		if (length && length <= MAX_DESCRIPTOR_DIGITS && !digits[length])
			return atoi(digits);
	}
	return -1;
}

bool stream_is_null(const struct stat *status)
{
	return S_ISCHR(status->st_mode) && status->st_rdev == makedev(MEMORY_MAJOR, NULL_MINOR);
}

static bool is_stream(const struct stat *status)
{
	return S_ISFIFO(status->st_mode) || stream_is_null(status);
}

int stream_stat(const char *path, struct stat *ret)
{
	int fd = descriptor_of(path);

	return (fd >= 0 ? fstat(fd, ret) : stat(path, ret)) < 0 ? -errno : 0;
}

bool stream_is_named(const char *path)
{
	struct stat status;

	return descriptor_of(path) >= 0 || (!lstat(path, &status) && is_stream(&status));
}

int stream_check(const char *path)
{
	int fd = descriptor_of(path);

	return fd >= 0 && fcntl(fd, F_GETFD) < 0 ? -errno : 0;
}

bool stream_is_terminal(const char *path)
{
	int fd = descriptor_of(path);

	return fd >= 0 && isatty(fd);
}

static bool wants_end(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
	       sigismember(&pending, SIGHUP);
}

/* Opening it in the usual way would wait where a capture's blocked signals cannot end it. */
static int open_when_read(const char *path)
{
	const struct timespec pause = { .tv_nsec = READER_LOOK_NS };

	for (;;) {
		int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

		if (fd >= 0 || errno != ENXIO)
			return fd < 0 ? -errno : fd;
		if (wants_end())
			return -EINTR;
		nanosleep(&pause, NULL);
	}
}

/* The file is held before it is asked what it is, so that another cannot take its place. */
static int open_file(const char *path, int *ret_fd)
{
	_cleanup_(closep) int held = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char name[64];
	struct stat status;
	int fd;

	if (held < 0)
		return -errno;
	if (fstat(held, &status) < 0)
		return -errno;
	if (!is_stream(&status))
		return -EINVAL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", held);
	fd = open_when_read(name);
	if (fd < 0)
		return fd;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	*ret_fd = fd;
	return 0;
}

int stream_open(const char *path, int *ret_fd)
{
	int descriptor = descriptor_of(path), fd;

	if (descriptor < 0)
		return open_file(path, ret_fd);
	fd = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int wait_for_room(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };

	return poll(&ready, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

int stream_write(int fd, const char *bytes, size_t size)
{
	int err = 0;

	while (size && !err) {
		ssize_t written = write(fd, bytes, size);

		if (written >= 0) {
			bytes += written;
			size -= written;
		} else if (errno == EAGAIN) {
			err = wait_for_room(fd);
		} else if (errno != EINTR) {
			err = -errno;
		}
	}
	return err;
}
