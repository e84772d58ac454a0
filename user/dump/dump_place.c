/* SPDX-License-Identifier: BSD-2-Clause */
/* Files made, renamed and removed as their owner; see dump_place.h. */
#include "dump_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beside.h"
#include "dump_header.h"
#include "memory.h"
#include "occupant.h"
#include "rename_new.h"
#include "stream.h"

#define NEW_FILE (O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)
#define PERMISSIONS 0644
#define MAX_NUMBER 99999
#define COPY_BYTES 65536

/* The name is cut when the whole would be too long for a file name. */
static int open_beside(const struct dump_place *place, int *ret_fd, char **ret_name)
{
	_cleanup_(freep) char *stem = xasprintf("%.240s.tmp", place->name);

	return beside_create(place->directory, stem, PERMISSIONS, ret_fd, ret_name);
}

/* A pipe cannot be sought in: the dump grows in memory. */
static int open_memory(int *ret_fd)
{
	int fd = memfd_create("memprobe-dump", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int create_stream(const char *path, struct dump_place *place, int *ret_fd)
{
	int err = stream_open(path, &place->stream);

	if (err)
		return err;
	return isatty(place->stream) ? -ENOTTY : open_memory(ret_fd);
}

static int open_same_directory(const struct dump_place *sibling, const char *path,
			       struct dump_place *place)
{
	const char *slash = strrchr(path, '/');

	place->head = xstrdup(sibling->head);
	place->name = xstrdup(slash ? slash + 1 : path);
	place->directory = fcntl(sibling->directory, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return place->directory < 0 ? -errno : 0;
}

static void set_number(struct dump_place *place, int number)
{
	free(place->name);
	place->number = number;
	place->name = number ? xasprintf("%s.%d", place->base, number) : xstrdup(place->base);
}

/* Whatever is there, a FIFO or a link that leads nowhere, is left alone. */
static int find_free_name(struct dump_place *place)
{
	struct stat status;

	while (!fstatat(place->directory, place->name, &status, AT_SYMLINK_NOFOLLOW)) {
		if (place->number == MAX_NUMBER)
			return -EEXIST;
		set_number(place, place->number + 1);
	}
	return errno == ENOENT ? 0 : -errno;
}

static int create_late(const struct dump_create *options, struct dump_place *place, int *ret_fd)
{
	int err;

	place->is_new = true;
	place->base = TAKE(place->name);
	set_number(place, options->number);
	err = find_free_name(place);
	return err ? err : open_beside(place, ret_fd, &place->beside);
}

static int create_as_owner(const struct dump_create *options, const struct dump_place *sibling,
			   struct dump_place *place, int *ret_fd)
{
	int err, fd;

	if (!options->is_late && stream_is_named(options->path))
		return create_stream(options->path, place, ret_fd);
	err = sibling && sibling->directory >= 0
		      ? open_same_directory(sibling, options->path, place)
		      : beside_directory(options->path, &place->directory, &place->head,
					 &place->name);
	if (err)
		return err;
	if (options->is_late)
		return create_late(options, place, ret_fd);
	fd = openat(place->directory, place->name, NEW_FILE, PERMISSIONS);
	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	if (errno != EEXIST)
		return -errno;
	err = occupant_at(place->directory, place->name, options->uid);
	if (options->force && (err == -EEXIST || err == -ELOOP))
		return open_beside(place, ret_fd, &place->beside);
	if (!options->force && (err == -EPERM || err == -EBUSY))
		return -EEXIST;
	return err ? err : -EEXIST;
}

int dump_place_create(const struct dump_create *options, const struct dump_place *sibling,
		      struct dump_place *ret_place, int *ret_fd)
{
	struct dump_self self;
	int err, err_return;

	*ret_place = (struct dump_place){ .directory = -1, .stream = -1 };
	dump_owner_init(&ret_place->owner, options->uid, options->gid);
	err = dump_owner_become(&ret_place->owner, &self);
	if (!err)
		err = create_as_owner(options, sibling, ret_place, ret_fd);
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
	closep(&place->stream);
	place->directory = place->stream = -1;
	free(place->head);
	free(place->name);
	free(place->base);
	free(place->beside);
	place->head = place->name = place->base = place->beside = NULL;
}

/* A name that was free may be taken by now. */
static int rename_to_free_name(struct dump_place *place, const char *from)
{
	int err = rename_new(place->directory, from, place->name);

	while (err == -EEXIST && place->number < MAX_NUMBER) {
		set_number(place, place->number + 1);
		err = rename_new(place->directory, from, place->name);
	}
	return err;
}

static int rename_as_owner(struct dump_place *place, const char *from)
{
	struct dump_self self;
	int err = dump_owner_become(&place->owner, &self), err_return;

	if (!err && place->is_new)
		err = rename_to_free_name(place, from);
	else if (!err && renameat(place->directory, from, place->directory, place->name) < 0)
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

/* Is it this file that has the name? */
static bool is_at(int directory, const char *name, int fd)
{
	struct stat named, opened;

	return !fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) && !fstat(fd, &opened) &&
	       named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

static bool is_at_its_name(const struct dump_place *place, int fd)
{
	return is_at(place->directory, place->name, fd);
}

bool dump_place_is_beside(const struct dump_place *place, int fd)
{
	return place->beside && is_at(place->directory, place->beside, fd);
}

bool dump_place_is_removed(const struct dump_place *place, int fd)
{
	struct stat status;

	return place->stream < 0 && !fstat(fd, &status) && !status.st_nlink;
}

bool dump_place_is_moved(const struct dump_place *place, int fd)
{
	return place->stream < 0 && !place->beside && !is_at_its_name(place, fd);
}

char *dump_place_meant(const struct dump_place *place)
{
	return place->name ? xasprintf("%s%s", place->head, place->name) : NULL;
}

static char *path_as_owner(const struct dump_place *place, int fd)
{
	_cleanup_(freep) char *link = xasprintf("/proc/self/fd/%d", fd);
	_cleanup_(freep) char *path = xasprintf("%s%s", place->head,
						place->beside ? place->beside : place->name);
	char called[PATH_MAX];
	ssize_t size;

	if (is_at(AT_FDCWD, path, fd))
		return TAKE(path);
	size = readlink(link, called, sizeof(called) - 1);
	if (size <= 0 || *called != '/')
		return NULL;
	called[size] = '\0';
	return is_at(AT_FDCWD, called, fd) ? xstrdup(called) : NULL;
}

char *dump_place_path(const struct dump_place *place, int fd)
{
	struct dump_self self;
	char *path = NULL;

	if (place->stream >= 0)
		return NULL;
	if (!dump_owner_become(&place->owner, &self))
		path = path_as_owner(place, fd);
	dump_owner_return(&self);
	return path;
}

static int renew_as_owner(struct dump_place *place, int *ret_fd)
{
	int fd;

	if (place->beside) {
		free(TAKE(place->beside));
		return open_beside(place, ret_fd, &place->beside);
	}
	fd = openat(place->directory, place->name, NEW_FILE, PERMISSIONS);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int dump_place_renew(struct dump_place *place, int *ret_fd)
{
	struct dump_self self;
	int err = dump_owner_become(&place->owner, &self), err_return, fd = -1;

	if (!err)
		err = renew_as_owner(place, &fd);
	err_return = dump_owner_return(&self);
	if (err || err_return) {
		closep(&fd);
		return err ? err : err_return;
	}
	*ret_fd = fd;
	return 0;
}

int dump_place_deliver(const struct dump_place *place, int fd, uint64_t size)
{
	char piece[COPY_BYTES];
	int err = 0;

	for (uint64_t at = 0; place->stream >= 0 && at < size && !err;) {
		ssize_t got = pread(fd, piece, sizeof(piece), (off_t)at);

		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		if ((uint64_t)got > size - at)
			got = (ssize_t)(size - at);
		err = stream_write(place->stream, piece, got);
		at += got;
	}
	return err;
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

	if (place->stream >= 0)
		return open_memory(ret_fd);
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

void dump_place_remove(struct dump_place *place, int fd)
{
	if (place->beside)
		remove_as_owner(place, place->beside);
	else if (fd >= 0 && place->name && is_at_its_name(place, fd))
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
	_cleanup_(freep) char *head = NULL, *name = NULL, *old = NULL;
	_cleanup_(closep) int directory = -1;
	int err = beside_directory(path, &directory, &head, &name);

	if (err)
		return err;
	err = occupant_at(directory, name, uid);
	if (!err || err == -EACCES)
		return err;
	old = xasprintf("%s.old", name);
	if (!is_dump_of(directory, name, uid))
		return -EEXIST;
	if (occupant_at(directory, old, uid) && !is_dump_of(directory, old, uid))
		return -ENOTEMPTY;
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
