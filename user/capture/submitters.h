/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes in the queues of each process, which tell for whom a pool works (--submitters). Without
 * them what a pool does hangs below its thread.
 */
#ifndef MEMPROBE_SUBMITTERS_H
#define MEMPROBE_SUBMITTERS_H

#include "capture_base.h"
#include "drain_listener.h"
#include "flush_listener.h"

struct submitters;

/* Borrows the base. NULL: they are not wanted. */
struct submitters *submitters_new(const struct capture_base *base);
void submitters_free(struct submitters *submitters);

/* The command is about to begin, with this interpreter as far as can be foreseen, or NO_LAYOUT. */
void submitters_begin_command(struct submitters *submitters, uint32_t tgid, uint32_t layout);
/* A process runs an interpreter, or none that can be walked: NO_LAYOUT. */
void submitters_plan(struct submitters *submitters, uint32_t process, uint32_t layout);

struct drain_listener submitters_hear_drain(struct submitters *submitters);
struct flush_listener submitters_hear_flush(struct submitters *submitters);

#endif
