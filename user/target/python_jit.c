/* SPDX-License-Identifier: BSD-2-Clause */
/* The environment of a process; see python_jit.h. */
#include "python_jit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

static const char variable[] = "PYTHON_JIT=";

/* As _PyJIT's own look at it (pystate.c of 3.14 and 3.15): anything but "" and what begins with 0.
 */
static bool turns_on(const char *value)
{
	return *value && *value != '0';
}

bool python_jit_is_on(pid_t pid)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%d/environ", (int)pid);
	_cleanup_(freep) char *line = NULL;
	FILE *file = fopen(path, "re");
	bool is_on = false;
	size_t size = 0;

	while (file && !is_on && getdelim(&line, &size, '\0', file) > 0)
		is_on = !strncmp(line, variable, strlen(variable)) &&
			turns_on(line + strlen(variable));
	if (file)
		fclose(file);
	return is_on;
}
