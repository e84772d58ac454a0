/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation that cannot fail, and ownership of local variables.
 * Running out of memory ends memprobe with a message: probes detach with the process and the
 * dump is already marked incomplete. Sizes from outside are checked against a limit before.
 */
#ifndef MEMPROBE_MEMORY_H
#define MEMPROBE_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *memory, size_t count, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);
void *xmemdup(const void *memory, size_t size);
__attribute__((format(printf, 1, 2))) char *xasprintf(const char *format, ...);

/* What is still done when memory has run out: one function, called once, and not in a process that
 * was forked since. NULL: nothing. */
void memory_set_last(void (*function)(void *context), void *context);

/* Grows *capacity to at least `wanted` elements, doubling, and returns the moved array. */
void *array_reserve(void *array, size_t *capacity, size_t wanted, size_t element_size);

/* The local owns what it points to: `_cleanup_(freep) char *text = ...`. */
#define _cleanup_(function) __attribute__((cleanup(function)))

void freep(void *pointer_to_pointer); /* free(*p) */
void closep(int *fd);		      /* close(*fd) when not negative */

/* Hands the owned pointer on: its cleanup finds NULL. */
#define TAKE(pointer)                                   \
	({                                              \
		__typeof__(pointer) _taken = (pointer); \
		(pointer) = NULL;                       \
		_taken;                                 \
	})

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
