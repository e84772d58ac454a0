/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a report goes: an open descriptor, or a file that gets its name when all is written.
 * Buffered. The first error sticks, all writing after it is ignored, and closing tells it, so that
 * writers need not look.
 */
#ifndef MEMPROBE_SINK_H
#define MEMPROBE_SINK_H

#include <stdbool.h>
#include <stddef.h>

/* Who takes what is written, in place of a descriptor. */
typedef void (*sink_taker)(void *context, const void *bytes, size_t size);

/* Owns its buffer and names, and the descriptor when it has a file or a stream. */
struct sink {
	int fd;
	sink_taker take; /* NULL: the descriptor */
	void *context;
	bool use_color; /* for writers that have colours; set by whoever opens */
	size_t columns; /* of a terminal that lines fit (text_columns.h); 0: they are as long as
			 * they are written */
	int error;	/* -errno of the first failed write, 0 */
	char *buffer;
	size_t used;
	char *line; /* with columns: the line that has not ended yet */
	size_t line_size, line_capacity;
	int directory;		/* with a temporary: where both names are, whatever leads there */
	char *name, *temporary; /* NULL when the descriptor was there before, or is a stream's */
	bool force, is_stream;
};

/* Writes to fd, which is borrowed. */
void sink_attach(struct sink *ret, int fd);
/* Hands on what is written, a buffer at a time; the context is borrowed. */
void sink_into(struct sink *ret, sink_taker take, void *context);

/* How many columns a terminal has; 0: it is none, or does not say. */
size_t sink_terminal_columns(int fd);
/* Where it goes to a terminal, longer lines are parted from now on. Not for sink_room(). */
void sink_fit_terminal(struct sink *sink);

/*
 * Writes beside `path`; sink_close renames. -EEXIST: there is such a file; -ELOOP: a symbolic link.
 * With force these are replaced, never followed, -EPERM and -EBUSY when a rename could not
 * (occupant.h); directories, devices and the like are not: -EISDIR, -EINVAL.
 * A stream (stream.h) is written to at once.
 */
int sink_open(struct sink *ret, const char *path, bool force);
/* What sink_open would say of an existing file, without making one. */
int sink_check(const char *path, bool force);

#define SINK_BYTES 65536 /* of the buffer */

void sink_flush(struct sink *sink);

/*
 * For writers of a hundred million small pieces: where `size` bytes may be written, at most
 * SINK_BYTES; and how far that was done. Nothing else may be written in between.
 */
static inline char *sink_room(struct sink *sink, size_t size)
{
	if (size > SINK_BYTES - sink->used)
		sink_flush(sink);
	return sink->buffer + sink->used;
}

static inline void sink_take(struct sink *sink, const char *end)
{
	sink->used = (size_t)(end - sink->buffer);
}

void sink_bytes(struct sink *sink, const void *bytes, size_t size);
void sink_text(struct sink *sink, const char *text);
void sink_fill(struct sink *sink, char byte, size_t count);
__attribute__((format(printf, 2, 3))) void sink_printf(struct sink *sink, const char *format, ...);

/* Flushes and gives the file its name; without success nothing has the name that had it not. Frees
 * in any case. 0, or -errno of whatever failed first. */
int sink_close(struct sink *sink);
/* Frees, and removes what was written to a file. */
void sink_abandon(struct sink *sink);

#endif
