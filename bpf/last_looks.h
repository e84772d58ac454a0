/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The last look at a process, before its runtime is taken down: whom to stop for it. User space
 * has put a probe at the functions that do it (user/capture/finalizing).
 */
#ifndef MEMPROBE_LAST_LOOKS_H
#define MEMPROBE_LAST_LOOKS_H

#include "book.h"

/* What a process has at the least to be stopped when nobody asked for it; 0: somebody did. */
const volatile __u32 cfg_last_look_pages = 0;

bool last_looks_are_over; /* user space hears of no more */

#define SIG_IGN_VALUE 1

/* A tracer is told of each signal, and so is a process that handles SIGCONT. */
static __always_inline bool would_be_noticed(void)
{
	__u64 handler = (__u64)READ_CURRENT(sighand, action[SIGCONT - 1].sa.sa_handler);

	return READ_CURRENT(ptrace) || handler > SIG_IGN_VALUE;
}

static __always_inline bool is_to_be_stopped(__u32 slot)
{
	const struct wire_image *image = bpf_map_lookup_elem(&images, &slot);

	if (!image || *(volatile bool *)&last_looks_are_over)
		return false;
	return !cfg_last_look_pages ||
	       (image_rss(image) >= cfg_last_look_pages && !would_be_noticed());
}

/* The process stands when, and only when, user space will hear of it. Verified once, not for each
 * way in which its image is found. */
__noinline int stop_for_last_look(__u32 slot)
{
	if (!is_to_be_stopped(slot))
		return 0;
	bpf_send_signal(SIGSTOP);
	if (send_knock(slot, RECORD_FINALIZING, 0))
		bpf_send_signal(SIGCONT);
	return 0;
}

#endif
