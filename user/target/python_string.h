/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python's str objects, read from outside as UTF-8: ASCII, Latin-1, UCS-2 and UCS-4, compact or (as
 * subclasses are) not. Source: Include/cpython/unicodeobject.h.
 */
#ifndef MEMPROBE_PYTHON_STRING_H
#define MEMPROBE_PYTHON_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python_reader.h"

/* No more is read of a string, whatever is asked for. */
#define PYTHON_STRING_MAX (16U << 20)

/*
 * The text of a str or of an instance of a subclass; owned by the caller, ends with a NUL. What
 * UTF-8 or a C string cannot have (surrogates, U+0000) is U+FFFD in it.
 * -EINVAL: not a str, one that was never made ready (3.11 and before), or no sense in it;
 * -E2BIG: more than max_bytes of UTF-8; else what reading failed with.
 */
int python_string_read(struct python_reader *reader, uint64_t string, size_t max_bytes,
		       char **ret_text);

/* Whether the object is a str of this text; false also when it cannot be read. */
bool python_string_is(struct python_reader *reader, uint64_t string, const char *text);

#endif
