/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls of allocators' functions that have not returned, by thread.
 *
 * A function calls others of its own allocator. And an allocator may ask another for memory, as a
 * preloaded malloc does that keeps something in front of each block: then the addresses differ, and
 * what the inner one does on behalf of the outer is left out.
 */
#ifndef MEMPROBE_ALLOC_CALLS_H
#define MEMPROBE_ALLOC_CALLS_H

#include "compat.h"
#include "state.h"
#include "thread_state.h"

/* A call of an allocator's function that has not returned. */
struct alloc_call {
	__u64 stack; /* the stack pointer at its entry; 0: none */
	__u64 bytes;
	__u64 least; /* xallocx: with fewer it leaves the block as it was */
	__u64 place; /* posix_memalign: where it puts the block; realloc: the block that it is given
		      */
	struct wire_block old; /* realloc: what is known of that; no owner: nothing */
	__u32 call;	       /* enum wire_alloc_call */
	__u32 allocator;       /* its number */
};

/* They call each other two deep at most (glibc 2.43: reallocarray, realloc, malloc). */
#define MAX_ALLOC_DEPTH 4

struct allocating {
	struct alloc_call calls[MAX_ALLOC_DEPTH];
	/* With several allocators: the last call, where that is a free, whose return is not seen.
	 */
	__u64 free_stack; /* the stack pointer at its entry; 0: none */
	__u64 free_allocator;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 0);
	__type(key, int);
	__type(value, struct allocating);
} allocating SEC(".maps");

/* ---- One call ---- */

/* So much that the call fails, where it is more than 64 bits. */
static __always_inline __u64 multiply(__u64 count, __u64 bytes)
{
	__u64 most = ~0ULL;

	if (count >> 32 || bytes >> 32) {
		most = count ? most / count : most;
		/* clang makes a product of 128 bits of it, which the BPF machine lacks. */
		asm volatile("" : "+r"(most));
		if (bytes > most)
			return ~0ULL;
	}
	return count * bytes;
}

/* `kind`: enum wire_alloc_call, with what is beside it. */
static __always_inline void read_call(const struct pt_regs *registers, __u32 kind,
				      struct alloc_call *ret)
{
	__u64 first = registers->ARG1, second = registers->ARG2, third = registers->ARG3;

	if (kind & ALLOC_HAS_CONTEXT) {
		first = second;
		second = third;
		third = registers->ARG4;
	}
	ret->call = kind & ALLOC_CALL_MASK;
	ret->place = first;
	switch (ret->call) {
	case ALLOC_CALLOC:
		ret->bytes = multiply(first, second);
		return;
	case ALLOC_REALLOC:
	case ALLOC_ALIGNED:
		ret->bytes = second;
		return;
	case ALLOC_REALLOCARRAY:
		ret->bytes = multiply(second, third);
		return;
	case ALLOC_POSIX:
		ret->bytes = third;
		return;
	case ALLOC_RESIZE:
		ret->least = second;
		ret->bytes = third < ~second ? second + third : ~0ULL;
		return;
	default:
		ret->bytes = first;
	}
}

static __always_inline bool is_realloc(__u32 call)
{
	return call == ALLOC_REALLOC || call == ALLOC_REALLOCARRAY || call == ALLOC_RESIZE;
}

/* The place of a call that begins: those deeper in the stack are over, by longjmp at the latest. */
static __always_inline struct alloc_call *push_call(struct allocating *all, __u64 stack)
{
	for (int i = 0; i < MAX_ALLOC_DEPTH; i++) {
		if (all->calls[i].stack <= stack) /* 0: free; the stack grows down */
			return &all->calls[i];
	}
	return NULL;
}

/* The call that returns; its return address was at its stack pointer. */
static __always_inline struct alloc_call *pop_call(struct allocating *all, __u64 stack)
{
	struct alloc_call *found = NULL;

	for (int i = 0; i < MAX_ALLOC_DEPTH; i++) {
		if (all->calls[i].stack == stack)
			found = &all->calls[i];
		else if (all->calls[i].stack < stack)
			all->calls[i].stack = 0;
	}
	return found;
}

/* Is it realloc that frees what it was given? That is out of the table since its entry. */
__noinline int is_reallocated(__u64 address)
{
	struct allocating *all = bpf_task_storage_get(&allocating, bpf_get_current_task_btf(), NULL,
						      0);

	for (int i = 0; all && i < MAX_ALLOC_DEPTH; i++) {
		const struct alloc_call *call = &all->calls[i];

		if (call->stack && is_realloc(call->call) && call->place == address)
			return 1;
	}
	return 0;
}

/* ---- A signal's handler on a stack of its own ---- */

/* Handlers within handlers, each in a function that is probed; more are not looked for. */
#define MAX_HANDLED_CALLS 4

static __always_inline bool is_on_alternate_stack(__u64 stack)
{
	return stack - CURRENT(sas_ss_sp) < CURRENT(sas_ss_size);
}

/*
 * Would the kernel, asked to wait for one more return, forget one that is still to come? It takes
 * entries for left by longjmp whose stack pointer is not above that of the new one (kernel/events/
 * uprobes.c: cleanup_return_instances), and a handler's stack may lie above that of the function
 * that its signal came into. The return of that one then ends the process by SIGILL.
 */
__noinline int would_lose_return(__u64 stack)
{
	struct return_instance *awaited;

	if (!is_on_alternate_stack(stack))
		return 0;
	awaited = READ_CURRENT(utask, return_instances);
	for (int i = 0; i < MAX_HANDLED_CALLS && awaited; i++) {
		__u64 at = BPF_CORE_READ(awaited, stack);

		if (at > stack)
			return 0;
		if (!is_on_alternate_stack(at))
			return 1;
		awaited = BPF_CORE_READ(awaited, next);
	}
	return 0;
}

/* Has a function that was given the same block jumped to this one? Then that has taken it out of
 * the table. */
static __always_inline bool has_jumped(const struct alloc_call *from, const struct alloc_call *to)
{
	return from->stack == to->stack && from->place == to->place && is_realloc(from->call) &&
	       is_realloc(to->call);
}

/* A call whose return is waited for. Returns whether there was room. */
static __always_inline bool wait_for_return(struct alloc_call *call)
{
	struct allocating *all = bpf_task_storage_get(&allocating, bpf_get_current_task_btf(), NULL,
						      BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct alloc_call *pending = all ? push_call(all, call->stack) : NULL;

	if (!pending)
		return false;
	if (has_jumped(pending, call) && !call->old.owner.value)
		call->old = pending->old;
	*pending = *call;
	all->free_stack = 0;
	return true;
}

/* ---- An allocator that asks another ---- */

static __always_inline bool has_several(const struct wire_image *image)
{
	return image->alloc_flags & ALLOCS_SEVERAL;
}

static __always_inline void note_allocator(struct wire_image *image, __u32 allocator)
{
	if (image->allocator == allocator)
		return;
	if (!image->allocator)
		image->allocator = allocator;
	else if (!has_several(image))
		image->alloc_flags |= ALLOCS_SEVERAL;
}

/* Is a return among the last that the kernel waits for? */
static __noinline int is_return_awaited(__u64 stack)
{
	struct return_instance *awaited = READ_CURRENT(utask, return_instances);

	for (int i = 0; i < MAX_HANDLED_CALLS && awaited; i++) {
		if (BPF_CORE_READ(awaited, stack) == stack)
			return 1;
		awaited = BPF_CORE_READ(awaited, next);
	}
	return 0;
}

/* Does a call still wait for its return? It was left by longjmp or an exception where the kernel's
 * address is not any more where the function's own return address was. Where calls put nothing on
 * the stack the kernel's list tells, which loses what was left at the next call. */
static __always_inline bool is_call_awaited(__u64 stack)
{
	struct mm_struct *mm = CURRENT(mm);
	__u64 address = 0;

	if (!RETURN_ADDRESS_BYTES)
		return is_return_awaited(stack);
	return !read_user(&address, sizeof(address), stack) &&
	       address == BPF_CORE_READ(mm, uprobes_state.xol_area, vaddr);
}

/* Has another allocator's function called this one, in the current thread? */
__noinline int is_for_another(__u32 allocator, __u64 stack)
{
	struct allocating *all = bpf_task_storage_get(&allocating, bpf_get_current_task_btf(), NULL,
						      0);

	for (int i = 0; all && i < MAX_ALLOC_DEPTH; i++) {
		const struct alloc_call *call = &all->calls[i];

		if (call->stack > stack && call->allocator != allocator &&
		    is_call_awaited(call->stack))
			return 1;
	}
	return 0;
}

/* The same of a free. Its caller's return is not waited for when that is a free itself: then it is
 * the thread's last call, not deeper in the stack (it may have jumped here). Else this one is the
 * last from now on. */
__noinline int is_free_for_another(__u32 allocator, __u64 stack)
{
	struct allocating *all;

	if (is_for_another(allocator, stack))
		return 1;
	all = bpf_task_storage_get(&allocating, bpf_get_current_task_btf(), NULL,
				   BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!all)
		return 0;
	if (all->free_stack >= stack && all->free_allocator != allocator)
		return 1;
	all->free_stack = stack;
	all->free_allocator = allocator;
	return 0;
}

#endif
