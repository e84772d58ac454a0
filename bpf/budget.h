/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What --calls=auto may cost all processes that are followed, together: CALLS_FREE_NS, and one
 * part in CALLS_PARTS of the CPU time that they spend while their calls are counted.
 *
 * No program can see all that a hit costs: the trap comes before and after it, and what runs next
 * finds other caches. So a hit counts for what one was measured to cost more than none, and a walk
 * for the time that it takes; limits.h allows for the rest. When the probes are to go they are
 * still hit for a grace period of the kernel; what that will cost follows from the rate of hits,
 * and is kept back.
 *
 * A forked child has its parent's breakpoints in its memory, which do nothing there but trap, until
 * user space has swept them out (user/capture/calls.c). Nobody counts these traps, so the fork is
 * charged.
 */
#ifndef MEMPROBE_BUDGET_H
#define MEMPROBE_BUDGET_H

#include "learn.h"

#define BUDGET_FREE_ATTACHED_NS 10000000ULL /* counts are bounds there anyway */
#define BUDGET_LOOK_NS 200000		    /* that are spent between two looks */
#define BUDGET_DETACH_NS 8000000 /* from a knock to the last breakpoint's end (measured, 6.18) */
#define BUDGET_FORK_NS 4000000
#define TRAP_NS 600	   /* a hit that is not counted any more */
#define WALK_MOST_NS 20000 /* more is another task's time */

const volatile bool cfg_calls_budget = true; /* --calls=auto */
const volatile __u32 cfg_call_cost_ns = 800; /* a hit, the trap included (docs/accuracy.md) */

/* Of all processes together. User space adds what attaching to another one costs. */
__u64 budget_spent_ns, budget_cpu_ns;

/* How much of a thread's CPU time has been added to its image's. */
struct call_clock {
	__u32 image_id;
	__u32 pad;
	__u64 cpu_ns;
};

/* By thread. One that is pushed out, or has ended, needs no care: its time is counted from anew. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_CALL_CLOCKS); /* 1 when no calls are counted: set by loader */
	__type(key, __u32);
	__type(value, struct call_clock);
} call_clocks SEC(".maps");

/*
 * The CPU time that a process spends while its calls are counted is the sum of what each of its
 * threads spends, which is known when the thread makes a call that is looked at: what it spent
 * since it was looked at last, or since it began, when it began later than the counting. Times of
 * two threads are never compared. Threads that make no calls add nothing: the sum is a bound from
 * below, on the safe side.
 */
__noinline int add_cpu_time(__u32 slot)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u32 tid = bpf_get_current_pid_tgid();
	struct call_clock *clock = bpf_map_lookup_elem(&call_clocks, &tid);
	struct call_clock now = { .cpu_ns = CURRENT(se.sum_exec_runtime) };
	__u64 spent = 0;

	if (!image)
		return 0;
	now.image_id = image->image_id;
	if (clock && clock->image_id == now.image_id)
		spent = now.cpu_ns > clock->cpu_ns ? now.cpu_ns - clock->cpu_ns : 0;
	else if (CURRENT(start_time) > image->calls_since_ns)
		spent = now.cpu_ns;
	if (spent)
		__sync_fetch_and_add(&budget_cpu_ns, spent);
	bpf_map_update_elem(&call_clocks, &tid, &now, BPF_ANY);
	return 0;
}

static __always_inline void spend(struct wire_image *image, __u64 ns)
{
	/* Not by what the addition returns, which kernels before 5.12 lack. */
	__sync_fetch_and_add(&image->calls_ns, ns);
}

static __always_inline void spend_on_walk(struct wire_image *image, __u64 began_ns)
{
	__u64 ns = bpf_ktime_get_ns() - began_ns;

	spend(image, ns < WALK_MOST_NS ? ns : WALK_MOST_NS);
}

/* Where no probe was hit there is none, or it costs nothing. */
static __always_inline void spend_on_fork(struct wire_image *parent)
{
	if (cfg_calls_budget && parent->has_calls && !(parent->flags & IMAGE_CALLS_OVER))
		spend(parent, BUDGET_FORK_NS);
}

/* Two threads may count at once and walks count for more, so that no single number may be waited
 * for. */
static __always_inline bool is_look_due(const struct wire_image *image)
{
	return !image->calls_since_ns || image->calls_ns - image->calls_looked_ns >= BUDGET_LOOK_NS;
}

/* What the probes of an image will still cost when they are told to go now, at its rate of hits
 * since the last look. */
static __always_inline __u64 foresee_rest(__u64 spent_ns, __u64 elapsed_ns)
{
	if (spent_ns >= elapsed_ns)
		return BUDGET_DETACH_NS;
	return spent_ns * BUDGET_DETACH_NS / elapsed_ns;
}

/* Returns whether the budget is spent. */
static __always_inline bool look_at_budget(struct wire_image *image, __u32 slot)
{
	__u64 free_ns = image->flags & IMAGE_ATTACHED ? BUDGET_FREE_ATTACHED_NS : CALLS_FREE_NS;
	__u64 now_ns = bpf_ktime_get_ns(), spent_ns = image->calls_ns - image->calls_looked_ns;
	__u64 rest_ns = foresee_rest(spent_ns, now_ns - image->calls_look_time_ns);

	if (!image->calls_since_ns)
		image->calls_since_ns = now_ns;
	image->calls_looked_ns += spent_ns;
	image->calls_look_time_ns = now_ns;
	__sync_fetch_and_add(&budget_spent_ns, spent_ns);
	add_cpu_time(slot);
	return budget_spent_ns + rest_ns > free_ns + budget_cpu_ns / CALLS_PARTS;
}

/* After a hit. */
static __always_inline void watch_budget(struct wire_image *image, __u32 slot)
{
	spend(image, cfg_call_cost_ns);
	if (!is_look_due(image) || !look_at_budget(image, slot))
		return;
	image->flags |= IMAGE_CALLS_OVER;
	send_knock(slot, RECORD_CALLS_OVER, 0);
}

#endif
