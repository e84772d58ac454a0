/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocation that cannot fail; see memory.h. */
#include "memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_OUT_OF_MEMORY 125

static struct {
	void (*function)(void *context);
	void *context;
	pid_t pid;
} last;

void memory_set_last(void (*function)(void *context), void *context)
{
	last.function = function;
	last.context = context;
	last.pid = getpid();
}

/* It may need memory itself: then that was it. */
static void run_last(void)
{
	void (*function)(void *context) = last.function;

	last.function = NULL;
	if (function && last.pid == getpid())
		function(last.context);
}

static void *check(void *memory)
{
	if (memory)
		return memory;
	static const char text[] =
		"memprobe: cannot allocate 'memory': a limit was reached, or there is no more\n"
		"  hint: ulimit -d and -v, the cgroup and the machine limit it\n";
	ssize_t unused = write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)unused;
	run_last();
	_exit(EXIT_OUT_OF_MEMORY);
}

void *xmalloc(size_t size)
{
	return check(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return check(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *memory, size_t count, size_t size)
{
	return check(reallocarray(memory, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *text)
{
	return check(strdup(text));
}

char *xstrndup(const char *text, size_t length)
{
	return check(strndup(text, length));
}

void *xmemdup(const void *memory, size_t size)
{
	void *copy = xmalloc(size);

	if (size)
		memcpy(copy, memory, size);
	return copy;
}

char *xasprintf(const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	return check(text);
}

void *array_reserve(void *array, size_t *capacity, size_t wanted, size_t element_size)
{
	size_t size = *capacity ? *capacity : 16;

	if (wanted <= *capacity)
		return array;
	while (size < wanted)
		size = size > SIZE_MAX / 2 ? wanted : size * 2;
	array = xrealloc(array, size, element_size);
	*capacity = size;
	return array;
}

void freep(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
