/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of hints; see error_hints.h. */
#include "error_hints.h"

#include <errno.h>

#include "log.h"
#include "memory.h"

static const struct {
	enum error_subject subject;
	int error;
	const char *hint;
} hints[] = {
	{ ERROR_OF_READING, ENOENT,
	  "a capture leaves mem_trace.raw where it was started, or what its -o names" },
	{ ERROR_OF_READING, ENOTDIR, "a part of this path is a file, not a directory" },
	{ ERROR_OF_READING, EACCES, "run it as the file's owner, or with sudo" },
	{ ERROR_OF_READING, EPERM, "run it as the file's owner, or with sudo" },
	{ ERROR_OF_READING, EFBIG, "of a pipe 1 GB is read: put it into a file first" },
	{ ERROR_OF_READING, EIO, "the disk or its connection fails: copy the file elsewhere" },
	{ ERROR_OF_WRITING, ENOENT, "its directory is not there: make it first" },
	{ ERROR_OF_WRITING, ENOTDIR, "a part of this path is a file, not a directory" },
	{ ERROR_OF_WRITING, EISDIR, "name a file in this directory" },
	{ ERROR_OF_WRITING, EACCES, "name a file in a directory of yours" },
	{ ERROR_OF_WRITING, EPERM, "name a file in a directory of yours" },
	{ ERROR_OF_WRITING, EROFS, "nothing can be written there: name a file elsewhere" },
	{ ERROR_OF_WRITING, ENOSPC, "free some space, or name a file on another disk" },
	{ ERROR_OF_WRITING, EDQUOT, "free some space, or name a file on another disk" },
	{ ERROR_OF_WRITING, EFBIG, "ulimit -f limits how large files may be" },
	{ ERROR_OF_WRITING, ENAMETOOLONG, "give it a shorter name" },
	{ ERROR_OF_WRITING, EBADF, "it is closed, or open for reading only: redirect it, > FILE" },
	{ ERROR_OF_WRITING, EIO, "the disk or its connection fails: name a file on another disk" },
	{ ERROR_OF_WRITING, ENOTTY, "a dump is no text for a terminal: name a file, or > FILE" },
	{ ERROR_OF_WRITING, EBUSY, "something is mounted on it: name another file" },
	{ ERROR_OF_PROCESS, ESRCH, "pgrep -a python lists the processes that run Python" },
	{ ERROR_OF_PROCESS, EACCES, "run it with sudo, or give it CAP_SYS_PTRACE" },
	{ ERROR_OF_PROCESS, EPERM, "run it with sudo, or give it CAP_SYS_PTRACE" },
	{ ERROR_OF_PROCESS, E2BIG, "raise --max-nodes, or follow fewer processes" },
	{ ERROR_OF_PROCESS, ETIME,
	  "it may be stopped, or wait for a disk: try again when it runs" },
	{ ERROR_OF_OURSELF, EMFILE, "ulimit -n limits how many files may be open" },
	{ ERROR_OF_OURSELF, ENFILE, "fs.file-max limits how many files the machine may open" },
	{ ERROR_OF_OURSELF, ENOMEM, "lower --max-nodes, --max-sites, --max-blocks or --ring" },
};

const char *error_hint(enum error_subject subject, int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].subject == subject && hints[i].error == -error)
			return hints[i].hint;
	}
	return NULL;
}

void error_hint_print(enum error_subject subject, int error)
{
	const char *hint = error_hint(subject, error);

	if (hint)
		log_hint("%s", hint);
}
