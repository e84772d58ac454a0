/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines by number; see source_lines.h. */
#include "source_lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

#define PART_BYTES 65536

/* Where reading is: in which line, and which of those asked for is the next. */
struct scan {
	struct source_line *lines;
	size_t count, next;
	int32_t number;
	char text[SOURCE_LINE_BYTES]; /* of the line so far */
	size_t length;
};

static void add_bytes(struct scan *scan, const char *bytes, size_t size)
{
	if (scan->next == scan->count || scan->lines[scan->next].number != scan->number)
		return;
	while (size && !scan->length && (*bytes == ' ' || *bytes == '\t')) {
		bytes++;
		size--;
	}
	if (size > sizeof(scan->text) - 1 - scan->length)
		size = sizeof(scan->text) - 1 - scan->length;
	memcpy(scan->text + scan->length, bytes, size);
	scan->length += size;
}

static void end_line(struct scan *scan)
{
	scan->text[scan->length] = '\0';
	while (scan->next < scan->count && scan->lines[scan->next].number <= scan->number) {
		struct source_line *line = &scan->lines[scan->next++];

		if (line->number == scan->number)
			memcpy(line->text, scan->text, sizeof(line->text));
	}
	scan->length = 0;
	if (scan->number < INT32_MAX)
		scan->number++;
}

static void take_part(struct scan *scan, const char *bytes, size_t size)
{
	const char *end = bytes + size;

	while (bytes < end && scan->next < scan->count) {
		const char *stop = memchr(bytes, '\n', end - bytes);

		add_bytes(scan, bytes, (stop ? stop : end) - bytes);
		if (!stop)
			return;
		end_line(scan);
		bytes = stop + 1;
	}
}

static struct scan begin(struct source_line *lines, size_t count)
{
	struct scan scan = { .lines = lines, .count = count, .number = 1 };

	for (size_t i = 0; i < count; i++)
		lines[i].text[0] = '\0';
	while (scan.next < count && lines[scan.next].number < scan.number)
		scan.next++;
	return scan;
}

void source_lines_of(const char *text, struct source_line *lines, size_t count)
{
	struct scan scan = begin(lines, count);

	take_part(&scan, text, strlen(text));
	end_line(&scan);
}

uint64_t source_lines_read(int fd, struct source_line *lines, size_t count)
{
	_cleanup_(freep) char *part = xmalloc(PART_BYTES);
	struct scan scan = begin(lines, count);
	uint64_t size = 0;
	ssize_t got;

	while (scan.next < count && size < SOURCE_LINES_MAX_BYTES) {
		got = read(fd, part, PART_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		size += (uint64_t)got;
		take_part(&scan, part, (size_t)got);
	}
	end_line(&scan);
	return size;
}
