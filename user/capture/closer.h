/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closes call probes beside the loop. The kernel waits for grace periods before close(2) of one
 * returns, 20 to 130 ms, and for that long nobody would answer the BPF side, nor would a run end.
 */
#ifndef MEMPROBE_CLOSER_H
#define MEMPROBE_CLOSER_H

#include "call_probe.h"

struct closer;

struct closer *closer_new(void);
/* Leaves to the kernel what is queued, and waits for what is being closed, or where the kernel
 * takes nothing for all; slow then. */
void closer_free(struct closer *closer);

/* Takes the probe over; what is left of it is empty. Here and now where no thread can be had. */
void closer_take(struct closer *closer, struct call_probe *probe);

/* The same for a process that has ended, or a run: by the kernel itself when it can (late_close.h),
 * which begins a grace period later than closer_take but holds up nobody, not even our own end. */
void closer_leave(struct closer *closer, struct call_probe *probe);

/*
 * Takes breakpoints out of memory where they are nobody's: a forked child inherits those of its
 * parent's multi links, which do nothing there but trap. The kernel looks for such when a link at
 * the same sites ends, so one is made to ourselves and closed. `file` is duplicated.
 */
void closer_sweep(struct closer *closer, int program, int file, const struct probe_plan *plan);

/* How many probes are still to be closed. Each holds descriptors. */
size_t closer_count(struct closer *closer);

#endif
