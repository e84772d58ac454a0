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

#define MAX_LATER 16

static char *later[MAX_LATER]; /* owned */
static size_t nr_later;	       /* more than MAX_LATER were not kept */

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

void log_later(const char *format, ...)
{
	va_list arguments;

	if (current_level < LOG_NORMAL)
		return;
	va_start(arguments, format);
	if (current_level >= LOG_DECISIONS)
		print("memprobe: ", format, arguments);
	else if (nr_later++ < MAX_LATER && vasprintf(&later[nr_later - 1], format, arguments) < 0)
		later[nr_later - 1] = NULL;
	va_end(arguments);
}

void log_tell_later(void)
{
	for (size_t i = 0; i < nr_later && i < MAX_LATER; i++) {
		if (later[i])
			log_note("%s", later[i]);
		free(later[i]);
	}
	if (nr_later > MAX_LATER)
		log_note("%zu more notes like these", nr_later - MAX_LATER);
	nr_later = 0;
}

void log_at(int level, const char *format, ...)
{
	if (current_level >= level)
		PRINT("memprobe: ");
}
