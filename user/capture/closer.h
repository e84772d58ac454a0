/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closes call probes beside the loop. The kernel waits for grace periods before close(2) of one
 * returns, 20 to 130 ms, and for that long nobody would answer the BPF side.
 */
#ifndef MEMPROBE_CLOSER_H
#define MEMPROBE_CLOSER_H

#include "call_probe.h"

struct closer;

struct closer *closer_new(void);
/* Waits until all that it was given is closed; slow. */
void closer_free(struct closer *closer);

/* Takes the probe over; what is left of it is empty. Here and now where no thread can be had. */
void closer_take(struct closer *closer, struct call_probe *probe);

/* How many probes are still to be closed. Each holds descriptors. */
size_t closer_count(struct closer *closer);

#endif
