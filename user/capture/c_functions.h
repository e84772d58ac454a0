/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With --native: gives the BPF side the rows by which it unwinds the C code of a file, when it
 * meets one, and the functions that it has found their names.
 */
#ifndef MEMPROBE_C_FUNCTIONS_H
#define MEMPROBE_C_FUNCTIONS_H

#include "capture_base.h"

struct c_functions;

/* NULL: they are not followed. */
struct c_functions *c_functions_new(const struct capture_base *base);
void c_functions_free(struct c_functions *functions); /* accepts NULL */

/* Before the command runs: the rows of its interpreter, if that is expected, and of the C library
 * and the loader that we have ourselves, which are mostly its own. What is met later comes later
 * than its code. */
void c_functions_begin_command(struct c_functions *functions, uint32_t expected_layout);

/*
 * Making rows and finding names goes on between records, piece by piece, the more urgent first: a
 * stack whose rows are not there yet is not followed. The descriptor is readable from a wake on to
 * a rest; -1: there is nothing to be made. Both accept NULL.
 */
int c_functions_fd(const struct c_functions *functions);
void c_functions_wake(struct c_functions *functions);
void c_functions_rest(struct c_functions *functions);
/* Makes the rows of one file. False: none waits. */
bool c_functions_make_rows(struct c_functions *functions);

struct drain_listener c_functions_hear_drain(struct c_functions *functions);

#endif
