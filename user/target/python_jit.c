/* SPDX-License-Identifier: BSD-2-Clause */
/* The environment of a process; see python_jit.h. */
#include "python_jit.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"

static const char variable[] = "PYTHON_JIT=";

/* An exec takes 6 MB of arguments and environment at most (fs/exec.c: three quarters of 8 MB), but
 * prctl(PR_SET_MM) lets a process call any memory of its own its environment. */
#define MAX_ENVIRON_BYTES (6UL << 20)

/* As _PyJIT's own look at it (pystate.c of 3.14 and 3.15): anything but "" and what begins with 0.
 */
static bool turns_on(int first)
{
	return first != EOF && first != '\0' && first != '0';
}

/* Does a string that begins with `variable`, and goes on with what turns it on, come? */
static bool find_variable(FILE *file)
{
	bool is_equal = true; /* the string so far */
	size_t at = 0;	      /* in the string */

	for (size_t i = 0; i < MAX_ENVIRON_BYTES; i++, at++) {
		int byte = getc(file);

		if (byte == EOF)
			return false;
		if (is_equal && at == strlen(variable) && turns_on(byte))
			return true;
		is_equal = is_equal && at < strlen(variable) && byte == variable[at];
		if (byte)
			continue;
		is_equal = true;
		at = SIZE_MAX; /* 0 in the next turn */
	}
	return false;
}

bool python_jit_is_on(pid_t pid)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%d/environ", (int)pid);
	FILE *file = fopen(path, "re");
	bool is_on = file && find_variable(file);

	if (file)
		fclose(file);
	return is_on;
}
