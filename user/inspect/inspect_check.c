/* SPDX-License-Identifier: BSD-2-Clause */
/* See inspect_check.h. */
#include "inspect_check.h"

#include <string.h>

bool inspect_is_plain(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return length < size;
}
