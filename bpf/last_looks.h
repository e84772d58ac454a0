/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The last look at a process, before its runtime is taken down: what was live, and whom to stop for
 * it. User space has put a probe at the functions that do it (user/capture/finalizing).
 */
#ifndef MEMPROBE_LAST_LOOKS_H
#define MEMPROBE_LAST_LOOKS_H

#include "book.h"

/* What a process has at the least to be stopped when nobody asked for it; 0: somebody did. */
const volatile __u32 cfg_last_look_pages = 0;

bool last_looks_are_over; /* user space hears of no more */

/* Who stands for it, by tgid: since when. User space takes out whom it lets go on; who else stands
 * does so for a user. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_LAST_LOOKS);
	__type(key, __u32);
	__type(value, __u64);
} last_looks SEC(".maps");

#define SIG_IGN_VALUE 1

/* A tracer is told of each signal, and so is a process that handles SIGCONT. */
static __always_inline bool would_be_noticed(void)
{
	__u64 handler = (__u64)READ_CURRENT(sighand, action[SIGCONT - 1].sa.sa_handler);

	return READ_CURRENT(ptrace) || handler > SIG_IGN_VALUE;
}

static __always_inline bool is_to_be_stopped(const struct wire_image *image)
{
	if (*(volatile bool *)&last_looks_are_over)
		return false;
	return !cfg_last_look_pages ||
	       (image_rss(image) >= cfg_last_look_pages && !would_be_noticed());
}

/* What `atexit` and `weakref.finalize` give back from here on was live, as what is read now is
 * there. The process stands when, and only when, user space will hear of it. Verified once, not for
 * each way in which its image is found. */
__noinline int stop_for_last_look(__u32 slot)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u64 now_ns = bpf_ktime_get_ns();
	__u32 tgid;

	if (!image)
		return 0;
	take_final_moment(image);
	if (!is_to_be_stopped(image))
		return 0;
	tgid = image->tgid;
	if (bpf_map_update_elem(&last_looks, &tgid, &now_ns, BPF_ANY))
		return 0;
	bpf_send_signal(SIGSTOP);
	if (send_knock(slot, RECORD_FINALIZING, 0)) {
		bpf_send_signal(SIGCONT);
		bpf_map_delete_elem(&last_looks, &tgid);
	}
	return 0;
}

#endif
