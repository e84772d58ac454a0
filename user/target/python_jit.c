/* SPDX-License-Identifier: BSD-2-Clause */
/* The environment of a process; see python_jit.h. */
#include "python_jit.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "environment.h"

static const char variable[] = "PYTHON_JIT=";

/* As _PyJIT's own look at it (pystate.c of 3.14 and 3.15): anything but "" and what begins with 0.
 */
static bool turns_on(const char *string)
{
	size_t length = strlen(variable);

	return !strncmp(string, variable, length) && string[length] && string[length] != '0';
}

enum python_jit python_jit_read(pid_t pid)
{
	struct environment environment;
	int error = environment_read(pid, &environment);
	bool is_on = false;

	if (error)
		return error == -ESRCH ? PYTHON_JIT_OFF : PYTHON_JIT_UNKNOWN;
	for (const char *string = environment_next(&environment, NULL); string && !is_on;
	     string = environment_next(&environment, string))
		is_on = turns_on(string);
	environment_clear(&environment);
	return is_on ? PYTHON_JIT_ON : PYTHON_JIT_OFF;
}
