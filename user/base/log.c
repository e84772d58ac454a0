/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to stderr; see log.h. */
#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "terminal.h"

#define ERASE_LINE "\r\033[K"

static int current_level = LOG_NORMAL;
static bool has_passing;

#define MAX_LATER 64
#define MAX_LATER_OF_A_KIND 8 /* so that many of one leave room for others */

/* Notes that wait; those of one format are of one kind. */
static struct {
	const char *format;
	char *text; /* owned */
} later[MAX_LATER];
static size_t nr_later, nr_more;

void log_set_level(int level)
{
	current_level = level;
}

int log_level(void)
{
	return current_level;
}

/* One write a message, so that lines of memprobe and its command do not mix; escaped, because
 * names of files and processes come from outside. */
static void print(const char *prefix, const char *format, va_list arguments)
{
	char text[4096], safe[2 * sizeof(text)];

	vsnprintf(text, sizeof(text), format, arguments);
	terminal_escape(text, safe, sizeof(safe));
	fprintf(stderr, "%s%s%s\n", has_passing ? ERASE_LINE : "", prefix, safe);
	has_passing = false;
}

/* The cursor goes back to the line's begin, so that the command's own output covers it. */
void log_passing(const char *line)
{
	if (line)
		fprintf(stderr, ERASE_LINE "%s\r", line);
	else if (has_passing)
		fputs(ERASE_LINE, stderr);
	has_passing = line != NULL;
}

#define PRINT(prefix)                             \
	do {                                      \
		va_list arguments;                \
		va_start(arguments, format);      \
		print(prefix, format, arguments); \
		va_end(arguments);                \
	} while (0)

void log_error(const char *format, ...)
{
	PRINT("memprobe: ");
}

void log_hint(const char *format, ...)
{
	PRINT("  hint: ");
}

void log_warning(const char *format, ...)
{
	if (current_level >= LOG_NORMAL)
		PRINT("memprobe: ");
}

void log_note(const char *format, ...)
{
	if (current_level >= LOG_NORMAL)
		PRINT("memprobe: ");
}

static bool has_room(const char *format)
{
	size_t count = 0;

	for (size_t i = 0; i < nr_later; i++)
		count += later[i].format == format;
	return nr_later < MAX_LATER && count < MAX_LATER_OF_A_KIND;
}

static void keep(const char *format, va_list arguments)
{
	char *text;

	if (!has_room(format) || vasprintf(&text, format, arguments) < 0) {
		nr_more++;
		return;
	}
	later[nr_later].format = format;
	later[nr_later++].text = text;
}

void log_later(const char *format, ...)
{
	va_list arguments;

	if (current_level < LOG_NORMAL)
		return;
	va_start(arguments, format);
	if (current_level >= LOG_DECISIONS)
		print("memprobe: ", format, arguments);
	else
		keep(format, arguments);
	va_end(arguments);
}

void log_tell_later(void)
{
	for (size_t i = 0; i < nr_later; i++) {
		log_note("%s", later[i].text);
		free(later[i].text);
	}
	if (nr_more)
		log_note("%zu more notes like these", nr_more);
	nr_later = nr_more = 0;
}

void log_at(int level, const char *format, ...)
{
	if (current_level >= level)
		PRINT("memprobe: ");
}
