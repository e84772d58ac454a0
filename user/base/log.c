/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to stderr; see log.h. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

#include "terminal.h"

static int current_level = LOG_NORMAL;

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
	fprintf(stderr, "%s%s\n", prefix, safe);
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

void log_at(int level, const char *format, ...)
{
	if (current_level >= level)
		PRINT("memprobe: ");
}
