/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When copies of shared pages are followed (bpf/cow.h). Every fault of the machine pays for it, so
 * only while a forked process lives: its pages are its parent's until one of both writes. One that
 * was attached to is such a process, too, while its parent is followed. From a size on at which
 * there is something to copy, the programs are loaded before anybody forks; then 1 ms passes from a
 * fork to the first copy that is seen, else up to a flush more. What of that kind was missed is
 * told for each process.
 */
#ifndef MEMPROBE_COW_H
#define MEMPROBE_COW_H

#include "capture_base.h"
#include "flush_listener.h"

struct cow;

/* NULL: owners of pages are not followed. `is_from_start`: until the end, whoever forks. */
struct cow *cow_new(const struct capture_base *base, bool is_from_start);
void cow_free(struct cow *cow); /* accepts NULL */

/* When the loader's programs are attached, before the first process is followed. Prints when copies
 * cannot be followed. */
void cow_begin(struct cow *cow);

/* What it hears of the drain, and of flushes. cow may be NULL. */
struct drain_listener cow_hear_drain(struct cow *cow);
struct flush_listener cow_hear_flush(struct cow *cow);

#endif
