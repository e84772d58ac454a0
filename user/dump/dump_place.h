/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a dump lies: its directory, its name, and the user as whom both are touched. The directory
 * is held open, so that the place stays the same when it is renamed or we change ours.
 */
#ifndef MEMPROBE_DUMP_PLACE_H
#define MEMPROBE_DUMP_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "dump.h"
#include "dump_owner.h"

/* Owns all of its members. */
struct dump_place {
	struct dump_owner owner;
	int stream; /* what the whole dump is copied to at its end, -1: it is a file at its name */
	int directory;
	char *head; /* the way to the directory as it was given, up to its last slash */
	char *name;
	bool is_new; /* nothing is to be replaced: the name is BASE.NUMBER, or BASE */
	char *base;
	int number;
	char *beside; /* the name under which the file waits to take its place, NULL: it is there */
};

/* Makes the file: at its name, or beside it when force and something is to be replaced. Where
 * `sibling` is a file, in the directory that is open there: of the path only the last component
 * counts then. Errors as dump_create. The place is to be closed in any case, the caller owns
 * *ret_fd. */
int dump_place_create(const struct dump_create *options, const struct dump_place *sibling,
		      struct dump_place *ret_place, int *ret_fd);
void dump_place_close(struct dump_place *place);

/* Is the file, of which fd is open, at no name any more? */
bool dump_place_is_removed(const struct dump_place *place, int fd);
/* Is it at another name than its own? */
bool dump_place_is_moved(const struct dump_place *place, int fd);
/* The path at which the file, of which fd is open, can be found: by the way that was given, or what
 * the kernel calls it where that leads elsewhere now. NULL: none is known. The caller owns it. */
char *dump_place_path(const struct dump_place *place, int fd);
/* The path that was meant, wherever it leads; NULL: there is none. The caller owns it. */
char *dump_place_meant(const struct dump_place *place);
/* Another file in place of a removed one: -EEXIST when its name is taken, -ENOENT when its
 * directory is gone too. */
int dump_place_renew(struct dump_place *place, int *ret_fd);
/* Copies `size` bytes of the dump to the stream, if there is one. */
int dump_place_deliver(const struct dump_place *place, int fd, uint64_t size);

/* Gives the file that waits beside its name; a free one when nothing is to be replaced. */
int dump_place_install(struct dump_place *place);

/* Another file beside, with the permissions of `like`, to take the place of the present one by
 * dump_place_replace; -ESTALE when that is no longer at its name. */
int dump_place_begin_copy(struct dump_place *place, int like, int *ret_fd);
/* Renames or removes the copy. */
int dump_place_end_copy(struct dump_place *place, bool is_good);

/* Does the file of fd wait beside? Else that is a copy of it. */
bool dump_place_is_beside(const struct dump_place *place, int fd);

/* Removes the file of fd, be it beside or at its name, if it is still there. */
void dump_place_remove(struct dump_place *place, int fd);

#endif
