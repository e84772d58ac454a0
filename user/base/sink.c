/* SPDX-License-Identifier: BSD-2-Clause */
/* Buffered writing, and files that get their name at the end; see sink.h. */
#include "sink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "beside.h"
#include "memory.h"
#include "occupant.h"
#include "rename_new.h"
#include "stream.h"
#include "text_columns.h"

#define FILE_MODE 0666
#define TEMPORARY ".memprobe-"
#define MIN_COLUMNS 40 /* less is no width that anything could be laid out in */

void sink_attach(struct sink *ret, int fd)
{
	*ret = (struct sink){ .fd = fd, .buffer = xmalloc(SINK_BYTES) };
}

void sink_into(struct sink *ret, sink_taker take, void *context)
{
	sink_attach(ret, -1);
	ret->take = take;
	ret->context = context;
}

size_t sink_terminal_columns(int fd)
{
	struct winsize size;

	return isatty(fd) && !ioctl(fd, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

void sink_fit_terminal(struct sink *sink)
{
	size_t columns = sink_terminal_columns(sink->fd);

	if (columns)
		sink->columns = columns < MIN_COLUMNS ? MIN_COLUMNS : columns;
}

/* ---- Writing ---- */

static void write_all(struct sink *sink, const char *bytes, size_t size)
{
	if (sink->take)
		sink->take(sink->context, bytes, size);
	else if (!sink->error)
		sink->error = stream_write(sink->fd, bytes, size);
}

void sink_flush(struct sink *sink)
{
	write_all(sink, sink->buffer, sink->used);
	sink->used = 0;
}

static void put_bytes(struct sink *sink, const void *bytes, size_t size)
{
	if (size > SINK_BYTES - sink->used)
		sink_flush(sink);
	if (size > SINK_BYTES) {
		write_all(sink, bytes, size);
		return;
	}
	if (size) /* bytes may be NULL */
		memcpy(sink->buffer + sink->used, bytes, size);
	sink->used += size;
}

/* A word that is longer than a line loses its middle. */
static void put_part(struct sink *sink, const char *part, size_t size, size_t columns)
{
	_cleanup_(freep) char *text = NULL, *shortened = NULL;

	if (text_columns(part, size) <= columns) {
		put_bytes(sink, part, size);
		return;
	}
	text = xstrndup(part, size);
	shortened = text_shorten(text, columns);
	put_bytes(sink, shortened, strlen(shortened));
}

static void put_line(struct sink *sink)
{
	struct text_wrap wrap = text_wrap_begin(sink->line, sink->line_size, sink->columns);
	const char *part;
	size_t size, indent;

	for (bool is_first = true; text_wrap_next(&wrap, &part, &size, &indent); is_first = false) {
		if (!is_first)
			put_bytes(sink, "\n", 1);
		for (size_t i = 0; i < indent; i++)
			put_bytes(sink, " ", 1);
		put_part(sink, part, size, sink->columns > indent ? sink->columns - indent : 1);
	}
	sink->line_size = 0;
}

/* Adds to the line that goes on, and puts out what has ended. */
static void add_to_lines(struct sink *sink, const char *bytes, size_t size)
{
	const char *end = bytes + size;

	while (bytes < end) {
		const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
		size_t piece = (size_t)((newline ? newline : end) - bytes);

		sink->line = array_reserve(sink->line, &sink->line_capacity,
					   sink->line_size + piece + 1, 1);
		memcpy(sink->line + sink->line_size, bytes, piece);
		sink->line_size += piece;
		bytes += piece;
		if (!newline)
			continue;
		put_line(sink);
		put_bytes(sink, "\n", 1);
		bytes++;
	}
}

void sink_bytes(struct sink *sink, const void *bytes, size_t size)
{
	if (sink->columns)
		add_to_lines(sink, bytes, size);
	else
		put_bytes(sink, bytes, size);
}

void sink_text(struct sink *sink, const char *text)
{
	sink_bytes(sink, text, strlen(text));
}

void sink_fill(struct sink *sink, char byte, size_t count)
{
	char piece[256];

	memset(piece, byte, sizeof(piece));
	for (; count > sizeof(piece); count -= sizeof(piece))
		sink_bytes(sink, piece, sizeof(piece));
	sink_bytes(sink, piece, count);
}

void sink_printf(struct sink *sink, const char *format, ...)
{
	_cleanup_(freep) char *text = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0) {
		text = NULL;
		sink->error = sink->error ? sink->error : -ENOMEM;
		return;
	}
	sink_bytes(sink, text, length);
}

/* ---- Files ---- */

static int check_occupant(int directory, const char *name, bool force)
{
	int err = occupant_at(directory, name, geteuid());

	if (err == -EEXIST || err == -ELOOP)
		return force ? 0 : err;
	return !force && (err == -EPERM || err == -EBUSY) ? -EEXIST : err;
}

/* What is given back is the caller's in any case. */
static int open_directory(const char *path, bool force, int *ret_directory, char **ret_name)
{
	_cleanup_(freep) char *head = NULL;
	int err = beside_directory(path, ret_directory, &head, ret_name);

	return err ? err : check_occupant(*ret_directory, *ret_name, force);
}

int sink_check(const char *path, bool force)
{
	_cleanup_(freep) char *name = NULL;
	_cleanup_(closep) int directory = -1;

	return stream_is_named(path) ? stream_check(path)
				     : open_directory(path, force, &directory, &name);
}

static int open_stream(struct sink *ret, const char *path)
{
	int fd, err = stream_open(path, &fd);

	if (err)
		return err;
	sink_attach(ret, fd);
	ret->is_stream = true;
	return 0;
}

int sink_open(struct sink *ret, const char *path, bool force)
{
	_cleanup_(freep) char *name = NULL, *temporary = NULL;
	_cleanup_(closep) int directory = -1;
	int fd, err;

	if (stream_is_named(path))
		return open_stream(ret, path);
	err = open_directory(path, force, &directory, &name);
	if (!err)
		err = beside_create(directory, TEMPORARY, FILE_MODE, &fd, &temporary);
	if (err)
		return err;
	sink_attach(ret, fd);
	ret->directory = directory;
	directory = -1;
	ret->name = TAKE(name);
	ret->temporary = TAKE(temporary);
	ret->force = force;
	return 0;
}

static int give_name(struct sink *sink)
{
	int error = check_occupant(sink->directory, sink->name, sink->force);

	if (error)
		return error;
	if (!sink->force)
		return rename_new(sink->directory, sink->temporary, sink->name);
	return renameat(sink->directory, sink->temporary, sink->directory, sink->name) ? -errno : 0;
}

static void release(struct sink *sink)
{
	if (sink->is_stream)
		close(sink->fd);
	if (sink->temporary)
		close(sink->directory);
	free(sink->buffer);
	free(sink->line);
	free(sink->name);
	free(sink->temporary);
	*sink = (struct sink){ .fd = -1 };
}

void sink_abandon(struct sink *sink)
{
	if (sink->temporary) {
		close(sink->fd);
		unlinkat(sink->directory, sink->temporary, 0);
	}
	release(sink);
}

int sink_close(struct sink *sink)
{
	int error;

	if (sink->line_size)
		put_line(sink);
	sink_flush(sink);
	error = sink->error;
	if (sink->temporary) {
		if (!error)
			error = give_name(sink);
		if (close(sink->fd) && !error)
			error = -errno;
		if (error)
			unlinkat(sink->directory, sink->temporary, 0);
	}
	release(sink);
	return error;
}
