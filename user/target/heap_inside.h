/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of a process's memory is in use inside its allocators, and how much they keep though it
 * is free: glibc's malloc, pymalloc, mimalloc. Read from outside, of resident pages only; the
 * process is neither stopped nor written to, so that what is read may be torn by what it does
 * meanwhile. Then it is read again, and what does not hold together even then is counted.
 */
#ifndef MEMPROBE_HEAP_INSIDE_H
#define MEMPROBE_HEAP_INSIDE_H

#include <stdint.h>
#include <sys/types.h>

#include "heap_amounts.h"

/* 0 within about `budget_ns`. -ESRCH: no such process; another -errno when it cannot be read at
 * all. */
int heap_inside_read(pid_t pid, uint64_t budget_ns, struct heap_inside *ret);

#endif
