/* SPDX-License-Identifier: BSD-2-Clause */
/* Files made, renamed and removed as their owner; see dump_place.h. */
#include "dump_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump_header.h"
#include "memory.h"

#define NEW_FILE (O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)
#define PERMISSIONS 0644
#define BESIDE_ATTEMPTS 16

/* Opens the directory of path and splits off the last component. What is given back is the
 * caller's in any case. */
static int open_directory(const char *path, int *ret_directory, char **ret_name)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_(freep) char *head = slash ? xstrndup(path, name - path) : xstrdup(".");

	if (!*path)
		return -ENOENT;
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EISDIR;
	*ret_name = xstrdup(name);
	*ret_directory = open(head, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret_directory < 0 ? -errno : 0;
}

/* What stands at a name: 0 nothing, -EEXIST a file, -ELOOP a link, -EISDIR, -EINVAL the rest. */
static int look_at(int directory, const char *name)
{
	struct stat status;

	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	switch (status.st_mode & S_IFMT) {
	case S_IFREG:
		return -EEXIST;
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		return -EISDIR;
	default:
		return -EINVAL;
	}
}

/* NAME.tmpXXXXXX, the name cut when the whole would be too long for a file name. */
static char *invent_name(const char *name)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t)getpid();
	return xasprintf("%.240s.tmp%06x", name, random & 0xffffff);
}

static int open_beside(const struct dump_place *place, int *ret_fd, char **ret_name)
{
	_cleanup_(freep) char *name = NULL;
	int fd = -1;

	for (int attempt = 0; fd < 0 && attempt < BESIDE_ATTEMPTS; attempt++) {
		free(name);
		name = invent_name(place->name);
		fd = openat(place->directory, name, NEW_FILE, PERMISSIONS);
		if (fd < 0 && errno != EEXIST)
			return -errno;
	}
	if (fd < 0)
		return -EEXIST;
	*ret_fd = fd;
	*ret_name = TAKE(name);
	return 0;
}

static int create_as_owner(const struct dump_create *options, struct dump_place *place, int *ret_fd)
{
	int err = open_directory(options->path, &place->directory, &place->name), fd;

	if (err)
		return err;
	fd = openat(place->directory, place->name, NEW_FILE, PERMISSIONS);
	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	if (errno != EEXIST)
		return -errno;
	err = look_at(place->directory, place->name);
	if (options->force && (err == -EEXIST || err == -ELOOP))
		return open_beside(place, ret_fd, &place->beside);
	return err ? err : -EEXIST;
}

int dump_place_create(const struct dump_create *options, struct dump_place *ret_place, int *ret_fd)
{
	struct dump_self self;
	int err, err_return;

	*ret_place = (struct dump_place){ .directory = -1 };
	dump_owner_init(&ret_place->owner, options->uid, options->gid);
	err = dump_owner_become(&ret_place->owner, &self);
	if (!err)
		err = create_as_owner(options, ret_place, ret_fd);
	err_return = dump_owner_return(&self);
	if (!err && err_return) {
		close(*ret_fd);
		err = err_return;
	}
	return err;
}

void dump_place_close(struct dump_place *place)
{
	dump_owner_free(&place->owner);
	closep(&place->directory);
	place->directory = -1;
	free(place->name);
	free(place->beside);
	place->name = place->beside = NULL;
}

static int rename_as_owner(const struct dump_place *place, const char *from)
{
	struct dump_self self;
	int err = dump_owner_become(&place->owner, &self), err_return;

	if (!err && renameat(place->directory, from, place->directory, place->name) < 0)
		err = -errno;
	err_return = dump_owner_return(&self);
	return err ? err : err_return;
}

static void remove_as_owner(const struct dump_place *place, const char *name)
{
	struct dump_self self;

	if (!dump_owner_become(&place->owner, &self))
		unlinkat(place->directory, name, 0);
	dump_owner_return(&self);
}

int dump_place_install(struct dump_place *place)
{
	int err;

	if (!place->beside)
		return 0;
	err = rename_as_owner(place, place->beside);
	if (err)
		return err;
	free(TAKE(place->beside));
	return 0;
}

static bool is_at_its_name(const struct dump_place *place, int fd)
{
	struct stat named, opened;

	return !fstatat(place->directory, place->name, &named, AT_SYMLINK_NOFOLLOW) &&
	       !fstat(fd, &opened) && named.st_dev == opened.st_dev &&
	       named.st_ino == opened.st_ino;
}

static int open_like(struct dump_place *place, int like, int *ret_fd)
{
	struct stat status;
	int err;

	if (fstat(like, &status) < 0)
		return -errno;
	err = open_beside(place, ret_fd, &place->beside);
	if (!err && fchmod(*ret_fd, status.st_mode & 0777) < 0)
		err = -errno;
	return err;
}

int dump_place_begin_copy(struct dump_place *place, int like, int *ret_fd)
{
	struct dump_self self;
	int err, err_return, fd = -1;

	if (place->beside || !is_at_its_name(place, like))
		return -ESTALE;
	err = dump_owner_become(&place->owner, &self);
	if (!err)
		err = open_like(place, like, &fd);
	err_return = dump_owner_return(&self);
	if (err || err_return) {
		closep(&fd);
		dump_place_end_copy(place, false);
		return err ? err : err_return;
	}
	*ret_fd = fd;
	return 0;
}

int dump_place_end_copy(struct dump_place *place, bool is_good)
{
	int err = 0;

	if (is_good)
		err = dump_place_install(place);
	if (place->beside) {
		remove_as_owner(place, place->beside);
		free(TAKE(place->beside));
	}
	return err;
}

void dump_place_remove(struct dump_place *place, int fd, bool has_nothing)
{
	if (place->beside)
		remove_as_owner(place, place->beside);
	else if (has_nothing && fd >= 0 && place->name && is_at_its_name(place, fd))
		remove_as_owner(place, place->name);
}

static bool is_dump_of(int directory, const char *name, uid_t uid)
{
	uint8_t bytes[HEADER_BYTES];
	struct stat status;
	ssize_t size;
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;
	size = pread(fd, bytes, sizeof(bytes), 0);
	if (fstat(fd, &status) < 0)
		size = 0;
	close(fd);
	return size > 0 && S_ISREG(status.st_mode) && status.st_uid == uid &&
	       dump_header_is_magic(bytes, (size_t)size);
}

static int rotate_as_owner(const char *path, uid_t uid)
{
	_cleanup_(freep) char *name = NULL, *old = NULL;
	_cleanup_(closep) int directory = -1;
	int err = open_directory(path, &directory, &name);

	if (err)
		return err;
	err = look_at(directory, name);
	if (!err || err == -EACCES)
		return err;
	old = xasprintf("%s.old", name);
	if (!is_dump_of(directory, name, uid))
		return -EEXIST;
	if (look_at(directory, old) && !is_dump_of(directory, old, uid))
		return -EEXIST;
	return renameat(directory, name, directory, old) < 0 ? -errno : 0;
}

int dump_rotate(const char *path, uid_t uid, gid_t gid)
{
	struct dump_owner owner;
	struct dump_self self;
	int err, err_return;

	dump_owner_init(&owner, uid, gid);
	err = dump_owner_become(&owner, &self);
	if (!err)
		err = rotate_as_owner(path, uid);
	err_return = dump_owner_return(&self);
	dump_owner_free(&owner);
	return err ? err : err_return;
}
