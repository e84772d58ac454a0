/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/PID/environ; see environment.h. */
#include "environment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "process_memory.h"
#include "process_task.h"

/* An exec takes 6 MB of arguments and environment at most (fs/exec.c: three quarters of 8 MB), but
 * prctl(PR_SET_MM) lets a process call any memory of its own its environment. */
#define MAX_ENVIRON_BYTES (6UL << 20)
#define READ_BYTES 65536

int environment_read(pid_t pid, struct environment *ret)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%d/environ", (int)process_task(pid));
	FILE *file = fopen(path, "re");
	size_t capacity = 0, got = 1;

	*ret = (struct environment){ 0 };
	if (!file)
		return process_memory_refusal(pid, errno);
	while (got && ret->bytes < MAX_ENVIRON_BYTES) {
		ret->text = array_reserve(ret->text, &capacity, ret->bytes + READ_BYTES + 1, 1);
		got = fread(ret->text + ret->bytes, 1, READ_BYTES, file);
		ret->bytes += got;
	}
	fclose(file);
	if (ret->bytes && ret->text[ret->bytes - 1])
		ret->text[ret->bytes++] = '\0';
	return 0;
}

void environment_clear(struct environment *environment)
{
	free(environment->text);
	*environment = (struct environment){ 0 };
}

const char *environment_next(const struct environment *environment, const char *string)
{
	const char *end = environment->text + environment->bytes;
	const char *next = string ? string + strlen(string) + 1 : environment->text;

	return next && next < end ? next : NULL;
}

const char *environment_find(const struct environment *environment, const char *name)
{
	size_t length = strlen(name);

	for (const char *string = environment_next(environment, NULL); string;
	     string = environment_next(environment, string)) {
		if (!strncmp(string, name, length) && string[length] == '=')
			return string + length + 1;
	}
	return NULL;
}
