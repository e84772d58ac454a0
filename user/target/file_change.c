/* SPDX-License-Identifier: BSD-2-Clause */
/* See file_change.h. */
#include "file_change.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

/* A tick is 10 ms at most (CONFIG_HZ 100). */
#define MAX_TICK_NS 10000000LL
#define NAP_US 1000
#define MAX_NAPS 12

/* The clock by which kernels stamp changes, one tick after the other (current_time(), fs/inode.c).
 */
static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int file_change_begin(int fd, int64_t *ret_ns)
{
	struct stat status;

	for (int naps = 0;; naps++) {
		if (fstat(fd, &status))
			return -errno;
		*ret_ns = file_change_time(&status);
		/* A time that is far off is of a clock that was set back, or another machine's. */
		if (*ret_ns < now_ns() || *ret_ns > now_ns() + MAX_TICK_NS || naps == MAX_NAPS)
			return 0;
		usleep(NAP_US);
	}
}

static int compare(const struct stat *status, int64_t changed_ns)
{
	return file_change_time(status) == changed_ns ? 0 : -ESTALE;
}

int file_change_check(int fd, int64_t changed_ns)
{
	struct stat status;

	return fstat(fd, &status) ? -errno : compare(&status, changed_ns);
}

int file_change_check_path(const char *path, int64_t changed_ns)
{
	struct stat status;

	return stat(path, &status) ? -errno : compare(&status, changed_ns);
}
