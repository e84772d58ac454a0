/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for what runs in the kernel. */
#ifndef MEMPROBE_GRACE_PERIOD_H
#define MEMPROBE_GRACE_PERIOD_H

/* All BPF programs that run now have ended when it returns, and what they wrote is seen: an RCU
 * grace period, 10 to 20 ms (measured, 6.18). */
void grace_period_wait(void);

#endif
