/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of C++ and Rust functions, as a program's source has them. */
#ifndef MEMPROBE_DEMANGLE_H
#define MEMPROBE_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The name without arguments, cut to `size` with its NUL. False: it is no such name. What is in a
 * file may take all of the time and memory there is: only for the inspecting process, which has
 * little.
 */
bool demangle(const char *mangled, char *ret, size_t size);

#endif
