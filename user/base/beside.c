/* SPDX-License-Identifier: BSD-2-Clause */
/* See beside.h. */
#include "beside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define NEW_FILE (O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)
#define ATTEMPTS 16

int beside_directory(const char *path, int *ret_directory, char **ret_head, char **ret_name)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (!*path)
		return -ENOENT;
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EISDIR;
	*ret_head = xstrndup(path, name - path);
	*ret_name = xstrdup(name);
	*ret_directory = open(slash ? *ret_head : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret_directory < 0 ? -errno : 0;
}

static char *invent_name(const char *stem)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t)getpid();
	return xasprintf("%s%06x", stem, random & 0xffffff);
}

int beside_create(int directory, const char *stem, mode_t mode, int *ret_fd, char **ret_name)
{
	_cleanup_(freep) char *name = NULL;
	int fd = -1;

	for (int attempt = 0; fd < 0 && attempt < ATTEMPTS; attempt++) {
		free(name);
		name = invent_name(stem);
		fd = openat(directory, name, NEW_FILE, mode);
		if (fd < 0 && errno != EEXIST)
			return -errno;
	}
	if (fd < 0)
		return -EEXIST;
	*ret_fd = fd;
	*ret_name = TAKE(name);
	return 0;
}
