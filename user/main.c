/* SPDX-License-Identifier: BSD-2-Clause */
/* memprobe: a table of commands. */
#include <fcntl.h>
#include <unistd.h>

#include "commands.h"
#include "nothing.h"

static const struct command *const table[] = {
	&command_record, &command_post,	 &command_heap, &command_diff,
	&command_merge,	 &command_check, NULL
};

/* A standard descriptor that came closed is kept from being given to a dump, into which messages
 * would go then. The command that a capture runs finds it closed as it was. */
static void fill_standard_descriptors(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0 &&
		    nothing_open() < 0)
			_exit(EXIT_FAILED);
	}
}

int main(int argc, char **argv)
{
	fill_standard_descriptors();
	return commands_run(table, argv);
}
