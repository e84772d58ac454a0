/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers source_names.py. Lines on stdin, parts between tabs, answers on stdout one a line:
 *
 *     =  MINOR  PATH     the file to ask about, for Python 3.MINOR; no answer
 *     ?  LINE  NAME      the qualified name, "-" when there is none
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "source_names.h"

static struct source_names *read_file(unsigned int python_minor, const char *path)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct source_names *names = NULL;
	int err = fd < 0 ? -1 : source_names_read(fd, python_minor, &names);

	if (err)
		fprintf(stderr, "source_names_tool: cannot read '%s'\n", path);
	return names;
}

static void answer(struct source_names *names, const char *name, uint32_t line)
{
	const char *qualified = names ? source_names_find(names, name, line) : NULL;

	printf("%s\n", qualified ? qualified : "-");
}

int main(void)
{
	_cleanup_(source_names_freep) struct source_names *names = NULL;
	_cleanup_(freep) char *line = NULL;
	size_t capacity = 0;

	while (getline(&line, &capacity, stdin) > 0) {
		char *rest = NULL;
		unsigned long number = strtoul(line + 1, &rest, 10);

		rest[strcspn(rest, "\n")] = 0;
		if (*line == '=') {
			source_names_free(names);
			names = read_file((unsigned int)number, rest + 1);
		} else {
			answer(names, rest + 1, (uint32_t)number);
		}
	}
	return EXIT_SUCCESS;
}
