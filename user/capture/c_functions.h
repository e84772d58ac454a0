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

struct drain_listener c_functions_hear_drain(struct c_functions *functions);

#endif
