/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dump file: a profile on disk, written as it grows and readable at every moment.
 * This is the library's whole interface; docs/format.md describes the bytes.
 *
 * A dump is a header and blocks. A flush appends one checksummed block with what is new or changed,
 * so a kill or a full disk at any moment leaves the state of the last flush. The header says
 * INCOMPLETE until dump_close.
 */
#ifndef MEMPROBE_DUMP_H
#define MEMPROBE_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct profile;
struct dump_writer;

struct dump_create {
	const char *path;
	bool force;   /* replace an existing file or symbolic link */
	bool is_late; /* the file gets its name when all of it is written; never a stream */
	int number;   /* with is_late: the lowest N of the names PATH.N, of which the first that is
		       * free is taken, whatever is at the others; 0: PATH itself is the first */
	uid_t uid; /* whose the file is to be: files are made, renamed and removed as this user, */
	gid_t gid; /* so that root's rights open no directory that the user's would not */
};

/*
 * A dump that holds nothing yet: a header that says INCOMPLETE.
 * -EEXIST: there is such a file; -ELOOP: it is a symbolic link. With force neither is followed
 * nor touched now: the new file lies beside it and takes its place at the first dump_flush that
 * succeeds. -EISDIR, -EINVAL: with force too, a directory or a device is not replaced; -EPERM,
 * -EBUSY: with force, a file that a rename could not replace (occupant.h).
 * A stream (stream.h) is written to, in one piece when the dump is closed or abandoned; -ENOTTY: it
 * is a terminal.
 */
int dump_create(const struct dump_create *options, struct dump_writer **ret_writer);

/*
 * Makes room at the default name: a memprobe dump that belongs to uid becomes PATH.old (which may
 * be such a dump itself, and then goes). 0 also when there is nothing. -EEXIST: it is something
 * else; -ENOTEMPTY: PATH.old is.
 */
int dump_rotate(const char *path, uid_t uid, gid_t gid);

/*
 * Appends what changed since the last flush and clears the profile's dirty marks. Always the same
 * profile. On failure (-ENOSPC, ...) nothing is lost: the file ends with its last whole block,
 * the marks stay, and a later flush tries again. When superseded records outweigh the valid ones
 * the file is rewritten beside itself and renamed.
 * 1: the file had been removed, and was made anew. When that cannot be (its name is taken, the
 * directory is gone) the flush fails.
 */
int dump_flush(struct dump_writer *writer, struct profile *profile);

/* The last flush, and the end of INCOMPLETE; a stream gets it. On failure the file stays readable:
 * INCOMPLETE, or whole under another name (dump_waiting). dump_abandon frees the writer. */
int dump_finish(struct dump_writer *writer, struct profile *profile);
/* Both of dump_finish and dump_abandon. */
int dump_close(struct dump_writer *writer, struct profile *profile);

/* As dump_finish, of a capture that did not end, or of which part is missing: INCOMPLETE stays. */
int dump_finish_incomplete(struct dump_writer *writer, struct profile *profile);

/* Could what the settled profile holds be read back? -EFBIG: it is more than a dump may hold, in
 * number or in sums of amounts, as many captures put together can be. */
int dump_check(const struct profile *profile);

/* The name, in the directory of its own, under which the file waits that could not replace another
 * so far; NULL: there is none. A close or abandon that fails to replace leaves it there. */
const char *dump_waiting(const struct dump_writer *writer);
/* Does it go to a stream? */
bool dump_is_stream(const struct dump_writer *writer);
/* Is the file at no name any more, or at another than its own? */
bool dump_is_removed(const struct dump_writer *writer);
bool dump_is_moved(const struct dump_writer *writer);
/* The path at which it is now: the one that was given, what the kernel calls it where that leads
 * elsewhere, or, of a file that waits, that of its name beside. NULL: there is none, or none is
 * known. The caller owns it. */
char *dump_path(const struct dump_writer *writer);
/* Has it the end of INCOMPLETE? */
bool dump_is_whole(const struct dump_writer *writer);

/* A closed dump of what the profile holds now, in a file of its own; errors as dump_create. With
 * `sibling`, a dump in a file, it is made in the directory of that, wherever the path leads by now.
 * Leaves the dirty marks to the profile's writer. *ret_path is as of
 * dump_path, and at a failure the path that was to be, as far as there is one. -EEXIST: no name is
 * free. */
int dump_snapshot(const struct dump_create *options, const struct dump_writer *sibling,
		  const struct profile *profile, char **ret_path);

/* Frees the writer and leaves the file as it is: INCOMPLETE. Accepts NULL. */
void dump_abandon(struct dump_writer *writer);

/* As dump_abandon, but a file into which nothing was flushed is removed: the capture never began.
 */
void dump_discard(struct dump_writer *writer);

/* For a process that ends without freeing its writer: removes a file beside the dump, unless that
 * is where the dump is. */
void dump_remove_unfinished(struct dump_writer *writer);

enum dump_failure {
	DUMP_FINE,
	DUMP_IO_ERROR, /* .error_number says which */
	DUMP_NOT_A_DUMP,
	DUMP_HEADER_TRUNCATED,
	DUMP_HEADER_CORRUPT,
	DUMP_NEWER,	/* .version says which */
	DUMP_CORRUPT,	/* a block with a right checksum and impossible content */
	DUMP_TOO_LARGE, /* beyond the limits of docs/format.md */
	DUMP_NO_BLOCK,	/* it was closed, and none of its blocks is whole */
	NR_DUMP_FAILURES,
};

struct dump_error {
	enum dump_failure failure;
	int error_number;
	uint32_t version;
};

/*
 * Reads the longest valid part of a dump. meta.is_complete tells whether that is all of it: the
 * dump was closed and not a byte is missing or damaged since; meta.damage, what is, of one that was
 * closed. A header alone is an empty profile, of one that was not closed.
 * On failure returns -errno and fills *ret_error; otherwise the caller owns *ret_profile.
 */
int dump_read(const char *path, struct profile **ret_profile, struct dump_error *ret_error);
int dump_read_fd(int fd, struct profile **ret_profile, struct dump_error *ret_error);

#define DUMP_ERROR_TEXT_BYTES 128

/* The cause, for `memprobe: cannot read 'FILE': CAUSE`; and a hint, or NULL. */
void dump_error_text(const struct dump_error *error, char ret_text[DUMP_ERROR_TEXT_BYTES]);
const char *dump_error_hint(const struct dump_error *error);

#endif
