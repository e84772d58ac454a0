/* SPDX-License-Identifier: BSD-2-Clause */
/* What a user can do about an error of the system. */
#ifndef MEMPROBE_ERROR_HINTS_H
#define MEMPROBE_ERROR_HINTS_H

/* What was tried: the same error has another cause with each. */
enum error_subject {
	ERROR_OF_READING, /* a file that memprobe wrote */
	ERROR_OF_WRITING, /* a file that is to be written */
	ERROR_OF_PROCESS, /* looking into a process, or following it */
	ERROR_OF_OURSELF, /* what memprobe itself needs */
};

/* Of -errno, without a period; NULL: nothing is known that would help. */
const char *error_hint(enum error_subject subject, int error);
/* Prints it, where there is one. */
void error_hint_print(enum error_subject subject, int error);

#endif
