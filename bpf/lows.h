/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How low an amount falls between two looks of user space (struct wire_low). What a path that leaks
 * has rises in its lows; of one that takes and gives back they show it, however seldom anybody
 * looks.
 */
#ifndef MEMPROBE_LOWS_H
#define MEMPROBE_LOWS_H

#include "kernel.h"

__u32 looks; /* of user space, which counts them */

/* Before the amount changes from `is`, and no runtime is being taken down. Other changes at the
 * same time may hide a low, none makes one. */
static __always_inline void keep_low(struct wire_low *low, __s64 is)
{
	__u32 look = *(volatile __u32 *)&looks;

	if (low->look == look)
		return;
	low->before = low->look + 1 == look ? low->now : is;
	low->now = is;
	low->look = look;
}

/* It has fallen to `is`. */
static __always_inline void note_low(struct wire_low *low, __s64 is)
{
	if (is < low->now)
		low->now = is;
}

#endif
