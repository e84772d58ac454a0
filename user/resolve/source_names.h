/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Qualified names from the text of a source file. Code objects of CPython 3.6 to 3.10 know their
 * name and first line only (co_qualname came with 3.11); the function objects that know more are
 * not at hand when a stack is walked. The nesting of definitions in the source is, and the rules
 * are those of Python/compile.c, compiler_set_qualname:
 *
 *   Outer.method    f.<locals>.inner    C.<lambda>    f.<locals>.<listcomp>.<lambda>
 *
 * and no prefix for what the scope around declares `global`. The lines are co_firstlineno's, which
 * differ by version: source_definitions.h.
 *
 * Whether the text is what the process runs, nobody knows but by the answers: a definition that is
 * not found means that the file has changed since.
 *
 * Names are compared as they stand in the text. CPython brings identifiers to the form NFKC: one
 * that is written otherwise is not found.
 */
#ifndef MEMPROBE_SOURCE_NAMES_H
#define MEMPROBE_SOURCE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define SOURCE_MAX_BYTES (16U << 20)
#define QUALIFIED_NAME_MAX_BYTES 4096

/* The definitions of one file. Owned by who read it. */
struct source_names;

/*
 * Reads the regular file from its start, for a Python 3.`python_minor`. Borrows fd. -EINVAL: no
 * regular file; -EFBIG: more than SOURCE_MAX_BYTES; other -errno of reading.
 */
int source_names_read(int fd, unsigned int python_minor, struct source_names **ret_names);

/* The same of text in memory, which is not needed afterwards. Takes any bytes: what is no Python
 * has few definitions, or none. */
struct source_names *source_names_parse(const char *bytes, size_t size, unsigned int python_minor);

/*
 * The qualified name, UTF-8, of the code object with this co_name and co_firstlineno, valid until
 * the names are freed. NULL: no such definition begins on that line, or its qualified name is
 * longer than QUALIFIED_NAME_MAX_BYTES. Of several on one line the first. "<module>" is itself on
 * any line.
 */
const char *source_names_find(struct source_names *names, const char *name, uint32_t first_line);

void source_names_free(struct source_names *names);
void source_names_freep(struct source_names **names);

#endif
