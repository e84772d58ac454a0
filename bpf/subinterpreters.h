/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which thread state the current thread runs where there are several interpreters, up to 3.11. */
#ifndef MEMPROBE_SUBINTERPRETERS_H
#define MEMPROBE_SUBINTERPRETERS_H

#include "thread_state.h"
#include "syscalls.h"

/*
 * The slot holds the first thread state that the thread has had, mostly the main interpreter's,
 * also while the thread runs one of another interpreter (3.12 and later change the slot then, see
 * tstate_activate in pystate.c). Nothing else names the thread: thread_id is of the thread that has
 * made the interpreter, and whoever runs it takes that state (_xxsubinterpreters, run_string), and
 * tstate_current names the state that holds the GIL, not its thread.
 *
 * What is the thread's own is its C stack. A state is run by the thread on whose stack the C frame
 * stands that evaluates its leaf frame:
 *   3.10, 3.11: there is a CFrame in it, and the state has its address;
 *   to 3.9: the evaluating function keeps the address of the leaf frame, on the stack or in a
 *   register that those it calls keep; so the next STACK_BYTES of the stack are looked through.
 * Of several the innermost runs. The main interpreter's state of the thread itself is sure without
 * a look at the stack while it is tstate_current. When another interpreter runs Python somewhere,
 * the slot's state has to be on the stack too, or have no frame; else nothing is known:
 * THREAD_UNCLEAR.
 *
 * It costs a read to know that there are other interpreters, and only one event in INTERPRETER_LOOK
 * asks; making an interpreter takes more than 100.
 */
#define INTERPRETER_LOOK 16
#define SEARCH_STEPS 17	 /* the verifier goes through all turns of a loop: so there are two */
#define SEARCH_ROUNDS 17 /* of so many steps */

#define STACK_WORDS 16 /* looked through in a step */
#define STACK_STEPS 64
#define STACK_BYTES (8ULL * STACK_WORDS * STACK_STEPS)

struct interpreter_search {
	__u64 interp; /* the next */
	__u64 main;
	__u64 tstate; /* the next, or the one whose leaf is looked for */
	__u64 leaf;   /* to be found on the stack; 0: none */
	__u64 place;  /* up to where it was not */
	__u64 own;    /* what the slot has, 0: none; the last that is looked at */
	__u64 found;
	__u64 found_at; /* its CFrame */
	__u64 stack;	/* of the current thread */
	__u64 stack_end;
	__u8 running;	 /* a state of another interpreter has a frame */
	__u8 owns_frame; /* the slot's has */
	__u8 is_cut;	 /* the stack was not looked through to its end */
	__u8 failed;	 /* a read */
	__u8 pad[4];
	__u64 words[STACK_WORDS + KEPT_REGISTERS];
};

/* One for each scratch: probes can be preempted. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_SCRATCHES);
	__type(key, __u32);
	__type(value, struct interpreter_search);
} interpreter_searches SEC(".maps");

static __always_inline struct interpreter_search *find_search(__u32 scratch)
{
	return bpf_map_lookup_elem(&interpreter_searches, &scratch);
}

#define THREAD_STACK_BYTES (1 << 14) /* of a kernel's stack, where it does not tell */

/* Where the registers lie with which the current task came into the kernel. */
static __always_inline __u64 find_user_registers(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return bpf_task_pt_regs(bpf_get_current_task_btf());
	return (__u64)READ_CURRENT(stack) + THREAD_STACK_BYTES - bpf_core_type_size(struct pt_regs);
}

/* glibc and musl put what a thread's pointer leads to at the end of its stack; the first thread's
 * was made by the kernel, above all else. */
static __always_inline long find_stack(struct interpreter_search *search)
{
	struct pt_regs *registers = (void *)find_user_registers();
	__u64 thread_pointer = READ_CURRENT(THREAD_POINTER);

	/* So that what is read at once is of one page; what lies below is the red zone. */
	search->stack = BPF_CORE_READ(registers, sp) & -8ULL * STACK_WORDS;
	search->stack_end = thread_pointer > search->stack ? thread_pointer
							   : READ_CURRENT(mm, start_stack);
	return bpf_probe_read_kernel(search->words + STACK_WORDS, 8 * KEPT_REGISTERS,
				     &registers->FIRST_KEPT_REGISTER);
}

/* Is the leaf among the words? Without a branch for each, which the verifier would go through both
 * ways: the highest bit of ((word ^ leaf) >> 1) - 1 is set where the two are the same, or differ in
 * the lowest bit alone, which no address here has. */
static __always_inline bool has_leaf(const struct interpreter_search *search)
{
	__u64 same = 0;

#ifdef __clang__ /* on the host another compiler may read this */
#pragma unroll
#endif
	for (__u32 i = 0; i < STACK_WORDS + KEPT_REGISTERS; i++)
		same |= ((search->words[i] ^ search->leaf) >> 1) - 1;
	return same >> 63;
}

enum search_step { SEARCH_ON, SEARCH_NEXT_STATE, SEARCH_OVER };

/* On to the next interpreter but the main one; the slot's state is the last. */
static __always_inline enum search_step search_next_interpreter(const struct wire_layout *layout,
								struct interpreter_search *search)
{
	if (!search->interp || search->interp == search->main) {
		search->interp = 0;
		search->tstate = search->running ? search->own : 0;
		return search->tstate ? SEARCH_ON : SEARCH_OVER;
	}
	search->failed = read_user(&search->tstate, 8, search->interp + layout->interp_threads) ||
			 read_user(&search->interp, 8, search->interp + layout->interp_next);
	return search->failed ? SEARCH_OVER : SEARCH_ON;
}

/* On to the next state of an interpreter. */
static __always_inline enum search_step search_next_state(const struct wire_layout *layout,
							  struct interpreter_search *search)
{
	search->leaf = 0;
	if (!search->interp && search->tstate == search->own)
		return SEARCH_OVER;
	search->failed = read_user(&search->tstate, 8, search->tstate + layout->tstate_next) != 0;
	return search->failed ? SEARCH_OVER : SEARCH_ON;
}

/* A part of the stack, for the leaf frame of a state. The first state that is found is the one: the
 * stack may have the address of another's leaf from before, so the slot's is looked for last. */
static __always_inline enum search_step search_stack(struct interpreter_search *search)
{
	__u64 place = search->place;

	if (place >= search->stack_end || place >= search->stack + STACK_BYTES) {
		search->is_cut |= place < search->stack_end;
		return SEARCH_NEXT_STATE;
	}
	search->place = place + 8 * STACK_WORDS;
	/* Zeroes where the stack grows and this page was never touched. */
	read_user(search->words, 8 * STACK_WORDS, place);
	if (!has_leaf(search))
		return SEARCH_ON;
	search->found = search->tstate;
	return SEARCH_OVER;
}

/* Keeps a state whose C frame is on the stack, unless one was found further in. */
static __always_inline void look_at_cframe(struct interpreter_search *search, __u64 cframe)
{
	if (cframe < search->stack || cframe >= search->stack_end ||
	    (search->found && search->found_at <= cframe))
		return;
	search->found = search->tstate;
	search->found_at = cframe;
}

static __always_inline enum search_step search_state(const struct wire_layout *layout,
						     struct interpreter_search *search)
{
	bool has_cframe = layout->tstate_cframe != NO_OFFSET;
	__u64 tstate = search->tstate, frame = 0;

	search->failed = read_user(&frame, sizeof(frame),
				   tstate + (has_cframe ? layout->tstate_cframe
							: layout->tstate_frame)) != 0;
	if (search->failed)
		return SEARCH_OVER;
	/* A state that runs nothing has a CFrame in itself. */
	if (!frame || (has_cframe && frame - tstate < PAGE_SIZE))
		return SEARCH_NEXT_STATE;
	if (tstate == search->own)
		search->owns_frame = 1;
	else
		search->running = 1;
	if (has_cframe) {
		look_at_cframe(search, frame);
		return SEARCH_NEXT_STATE;
	}
	search->leaf = frame;
	search->place = search->stack;
	return SEARCH_ON;
}

/* One step. Returns 1 when the search is over. */
__noinline int search_interpreters(__u32 slot, __u32 scratch)
{
	const struct wire_layout *layout = slot_layout(slot);
	struct interpreter_search *search = find_search(scratch);
	enum search_step step;

	if (!layout || !search)
		return 1;
	if (search->leaf)
		step = search_stack(search);
	else if (search->tstate)
		step = search_state(layout, search);
	else
		step = search_next_interpreter(layout, search);
	if (step == SEARCH_NEXT_STATE)
		step = search_next_state(layout, search);
	return step == SEARCH_OVER;
}

/* Returns 1 when the search is over. */
__noinline int search_some_interpreters(__u32 slot, __u32 scratch)
{
	for (__u32 i = 0; i < SEARCH_STEPS; i++) {
		if (search_interpreters(slot, scratch))
			return 1;
	}
	return 0;
}

/* What the search has come to. Returns enum thread_found. */
static __always_inline int judge_search(const struct interpreter_search *search)
{
	if (search->failed)
		return THREAD_UNREADABLE;
	if (search->found)
		return THREAD_RUNS;
	if (search->is_cut || (search->running && search->owns_frame))
		return THREAD_UNCLEAR;
	return THREAD_NONE;
}

#define GILSTATE_BEFORE_KEY 20 /* from tstate_current to autoTSSkey._key */
#define GILSTATE_BEFORE_KEY_3_8 28

/* Does the current thread hold the GIL by its slot's state? A main interpreter's state is run by
 * nobody else, and tstate_current is the state that holds the GIL. */
static __always_inline bool runs_own_state(const struct wire_layout *layout,
					   struct interpreter_search *search, __u64 bias)
{
	__u64 before = layout->version < 0x0309 ? GILSTATE_BEFORE_KEY_3_8 : GILSTATE_BEFORE_KEY;

	/* Read to where the words of the stack will be: BPF has little stack. */
	return search->own && !read_user(search->words, 8, layout->key_vaddr + bias - before) &&
	       search->words[0] == search->own &&
	       !read_user(search->words, 8, search->own + layout->tstate_interp) &&
	       search->words[0] == search->main;
}

/* Returns enum thread_found: UNCLEAR when it has to be searched, NONE when it is the slot's. */
__noinline int begin_search_of_state(__u32 slot, __u32 scratch, __u64 bias, __u64 own)
{
	const struct wire_layout *layout = slot_layout(slot);
	struct interpreter_search *search = find_search(scratch);

	if (!layout || !search || read_user(search, 16, layout->interpreters_vaddr + bias) ||
	    find_stack(search))
		return THREAD_UNREADABLE;
	search->own = own;
	search->tstate = search->leaf = search->found = 0;
	search->running = search->owns_frame = search->is_cut = search->failed = 0;
	return runs_own_state(layout, search, bias) ? THREAD_NONE : THREAD_UNCLEAR;
}

/* Which state the current thread runs, whose slot has `own` or 0. Returns enum thread_found: RUNS
 * with its address in the search; NONE: none but that; or UNREADABLE, UNCLEAR. */
__noinline int find_among_interpreters(__u32 slot, __u32 scratch, __u64 bias, __u64 own)
{
	struct interpreter_search *search;
	int found = begin_search_of_state(slot, scratch, bias, own);
	__u32 i;

	if (found != THREAD_UNCLEAR)
		return found;
	for (i = 0; i < SEARCH_ROUNDS; i++) {
		if (search_some_interpreters(slot, scratch))
			break;
	}
	search = find_search(scratch);
	return i == SEARCH_ROUNDS || !search ? THREAD_UNCLEAR : judge_search(search);
}

/* Which state a thread runs where there are other interpreters: `tstate` is the slot's, or
 * another's. Of a thread that is not the current one it is not known. */
static __always_inline enum thread_found find_in_interpreters(__u32 slot, __u32 scratch,
							      struct thread_at at, __u64 *tstate)
{
	struct interpreter_search *search = find_search(scratch);
	int found;

	if (!search || at.thread_pointer != READ_CURRENT(THREAD_POINTER))
		return THREAD_UNCLEAR;
	found = find_among_interpreters(slot, scratch, at.bias, *tstate);
	if (found == THREAD_RUNS)
		*tstate = search->found;
	if (found == THREAD_NONE && *tstate)
		return THREAD_RUNS;
	return found;
}

/* Are there other interpreters, as far as has been seen? */
static __always_inline bool has_subinterpreters(struct wire_image *image,
						const struct wire_layout *layout, __u64 bias)
{
	__u64 list[2] = {};

	if (layout->version >= 0x030c || !layout->interpreters_vaddr)
		return false;
	/* One of them alone is there while the first interpreter is being made, or the last ends.
	 * When they cannot be read, the next look will tell. */
	if (!(image->looks & (INTERPRETER_LOOK - 1)) &&
	    !read_user(list, sizeof(list), bias + layout->interpreters_vaddr) && list[0] &&
	    list[1] && list[0] != list[1])
		image->flags |= IMAGE_SUBINTERPRETERS;
	return image->flags & IMAGE_SUBINTERPRETERS;
}

#endif
