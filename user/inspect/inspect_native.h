/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions about code that is no Python, answered by the inspecting process and checked here: how
 * its stacks are unwound, and how its functions are called.
 */
#ifndef MEMPROBE_INSPECT_NATIVE_H
#define MEMPROBE_INSPECT_NATIVE_H

#include <memprobe/wire.h>
#include <sys/types.h>

#include "inspect_request.h"
#include "inspector.h"

/* A file with code. Owns its path and its table. */
struct inspected_unwind {
	struct wire_file file; /* as of which the rows are true */
	int status;	       /* 0, or why it has no rows: as unwind_table_read() */
	char *path;	       /* as maps prints it; "" if that is too long */
	struct unwind_table table;
	/* What else the process has as code, the lowest of it. */
	struct inspect_unwind_other others[INSPECT_UNWIND_OTHERS];
	size_t nr_others;
};

/*
 * The file whose code a process has at an address, or one, that is mapped there or elsewhere, if it
 * is not zeroed. -ENOENT: it is not mapped, or there is no code of a file; -ESRCH; -EOPNOTSUPP:
 * reading it could block; -ESTALE: it was written to meanwhile; other -errno; else as
 * inspector_ask().
 */
int inspect_unwind(struct inspector *inspector, pid_t pid, uint64_t address,
		   struct file_identity file, struct inspected_unwind *ret);
/* The same of a file that a command will have, by its path in our own root. -ESTALE: another is
 * there by now. */
int inspect_unwind_foresee(struct inspector *inspector, struct file_identity file, const char *path,
			   struct inspected_unwind *ret);
void inspected_unwind_clear(struct inspected_unwind *unwind);

/*
 * Addresses and names of functions of a file: as many as `request` has begins, up to
 * FUNCTION_NAMES_BATCH. -ESTALE: it is another by now; other -errno of opening it, also once the
 * process is gone; else as inspector_ask().
 */
int inspect_functions(struct inspector *inspector, const struct inspect_functions_request *request,
		      struct function_name *ret);

/* The check of an answer: -EPROTO, or 0 and all of *ret. */
int inspect_native_take(const uint8_t *bytes, size_t size, struct inspected_unwind *ret);

#endif
