/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Books a change of an image's resident memory on the path that caused it: the current thread's
 * Python path, a root row where there is none, [kernel] where another task or reclaim did it.
 */
#ifndef MEMPROBE_BOOK_H
#define MEMPROBE_BOOK_H

#include "causes.h"
#include "learn.h"
#include "objects.h"
#include "x86_unwind.h"

#define SAMPLE_PAGES 256 /* an RSS sample for every MiB that comes or goes */
/* More than what threads move that only end. */
#define GOING_ON_PAGES 256

/* Does the current task, whose mm is changed, do it for somebody else? */
static __always_inline bool is_kernel_work(void)
{
	return CURRENT(flags) & (PF_KTHREAD | PF_MEMALLOC);
}

/*
 * Reads whether the runtime finalizes. 3.6 keeps that in a variable of its own, whose page nobody
 * may have touched; from 3.7 on it lies in the runtime, which is not touched before it has begun:
 * a read of a page that is not there costs a page fault, 0.3 us of each of a start's first events.
 */
static __always_inline long read_finalizing(const struct wire_image *image,
					    const struct wire_layout *layout, __u64 bias,
					    __u64 *ret)
{
	bool is_in_runtime = layout->version >= 0x0307;

	*ret = 0;
	if (is_in_runtime && !(image->flags & (IMAGE_RUNTIME_SEEN | IMAGE_ATTACHED)))
		return 0;
	if (!read_user(ret, sizeof(*ret), layout->finalizing_vaddr + bias))
		return 0;
	return is_in_runtime ? -1 : 0;
}

/* From now on what goes was live: the runtime is about to be taken down, or that has begun. */
static __always_inline void take_final_moment(struct wire_image *image)
{
	if (image->final_moment)
		return;
	for (int kind = 0; kind < NR_KINDS; kind++)
		image->final_books[kind] = image->books[kind];
	image->alloc_final = image->alloc_bytes;
	image->pages_since = 0;
	image->final_moment = ++image->finals;
}

static __always_inline void begin_finalizing(struct wire_image *image)
{
	if (image->flags & IMAGE_FINALIZING)
		return;
	image->flags |= IMAGE_FINALIZING;
	take_final_moment(image);
}

/* A program may begin another Python. */
static __always_inline void end_finalizing(struct wire_image *image)
{
	if (!(image->flags & IMAGE_FINALIZING))
		return;
	image->flags &= ~IMAGE_FINALIZING;
	image->final_moment = 0;
}

/*
 * The main thread has no frame, or memory is about to go, maybe for a `__del__`, which has one: has
 * it begun to finalize? Returns 0, or -1 where that cannot be read. Nothing is asked for another
 * thread.
 */
__noinline int look_for_finalizing(__u32 slot)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	const struct wire_layout *layout;
	__u64 finalizing;

	if (!image || !python || !is_main_thread())
		return 0;
	layout = known_layout(python, image->image_id);
	if (!layout || !layout->finalizing_vaddr)
		return 0;
	if (read_finalizing(image, layout, python->bias, &finalizing))
		return -1;
	if (finalizing)
		begin_finalizing(image);
	else
		end_finalizing(image);
	return 0;
}

/*
 * Another thread runs Python, after the main one has come to the runtime's end and before that says
 * so: the main one waits there for all that are no daemons (threading._shutdown), for hours maybe.
 */
__noinline int note_going_on(__u32 slot, __s64 pages)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);

	if (!image || image->flags & IMAGE_FINALIZING || is_main_thread())
		return 0;
	image->pages_since += absolute(pages);
	if (image->pages_since > GOING_ON_PAGES)
		image->final_moment = 0;
	return 0;
}

/* The kind of the row of a main thread that runs no Python now. */
static __always_inline __u32 choose_main_row(const struct wire_image *image, __u32 slot)
{
	if (look_for_finalizing(slot))
		return SITE_LOST;
	if (image->flags & IMAGE_FINALIZING)
		return SITE_SHUTDOWN;
	/* Between two calls from C, or in a greenlet that has just begun: docs/accuracy.md. */
	return image->flags & (IMAGE_MAIN_SEEN | IMAGE_ATTACHED) ? SITE_NATIVE : SITE_STARTUP;
}

static __always_inline void note_thread_loss(struct change *change)
{
	if (change->pages)
		count_slot_loss(change->slot, LOSS_thread_unreadable, absolute(change->pages));
	else
		change->loss = LOSS_thread_unreadable + 1;
}

/* The root row of a thread that runs no Python now: its node's id, and above its 32 bits what is
 * left in change->loss. */
__noinline __u64 find_frameless_row(__u32 slot, __u32 scratch, __s64 pages)
{
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	struct change change = { .slot = slot, .scratch = scratch, .pages = pages };
	struct special special = { .kind = SITE_NATIVE, .slot = slot, .scratch = scratch };
	__u64 id = bpf_get_current_pid_tgid();

	change.image = bpf_map_lookup_elem(&images, &slot);
	if (!change.image || !python)
		return 0;
	if (python->state != PYTHON_NONE && (__u32)id == id >> 32)
		special.kind = choose_main_row(change.image, slot);
	if (special.kind == SITE_LOST)
		note_thread_loss(&change);
	if (special.kind == SITE_NATIVE) {
		bpf_get_current_comm(special.comm, sizeof(special.comm));
		name_native(&change, &special);
	} else {
		special.key = site_key_special(change.image->image_id, special.kind);
	}
	id = find_special(&change, &special).value;
	return id | (__u64)change.loss << 32;
}

static __always_inline struct node_id find_frameless(struct change *change)
{
	__u64 row = find_frameless_row(change->slot, change->scratch, change->pages);
	struct node_id id = { .value = row };

	if (row >> 32)
		change->loss = row >> 32;
	return id;
}

const volatile bool cfg_watches = false; /* user space can attach a probe for it */

/* Walks after which a probe at the end of an image's code objects is asked for, which makes them
 * cheaper up to 3.11. A power of two: it is asked for again. */
#define WATCH_LOOKS 4096

static __always_inline void ask_for_watch(const struct wire_image *image, __u32 slot,
					  const struct wire_python *python,
					  const struct wire_layout *layout)
{
	if (!cfg_watches || image->looks & (WATCH_LOOKS - 1) || !layout->code_watched ||
	    layout->version >= 0x030c || is_watched(slot, image->image_id))
		return;
	send_knock(slot, RECORD_WATCH, python->layout);
}

/* Is the current thread, of which no frame was found, of a pool? One that has a thread state for
 * as long as it holds the GIL is, too. */
static __always_inline bool is_native_thread(const struct change *change, int begun)
{
	const struct wire_python *python;

	if (!cfg_owners || begun == WALK_BEGUN || is_main_thread())
		return false;
	if (begun == WALK_NO_STATE)
		return true;
	python = bpf_map_lookup_elem(&pythons, &change->slot);
	return python && known_layout(python, change->image->image_id) && !has_run_python();
}

/* Begins a walk at the current thread's frames, or at those of the thread that is behind it. What a
 * native thread gives back is nobody's doing, but its owner's. */
static __always_inline bool begin_at_frames(struct change *change, enum kernel kernel)
{
	int begun = begin_walk(change->slot, change->scratch, 0);

	if (kernel == KERNEL_PERCPU && is_native_thread(change, begun)) {
		change->is_native = 1;
		/* With --threads a page is the thread's that took it. */
		if (change->pages > 0 && !cfg_threads)
			begun = begin_cause_walk(change->slot, change->scratch);
	}
	return begun == WALK_BEGUN;
}

/* The node of what the current thread, one of the image's own, is doing. */
static __always_inline struct node_id find_current(struct change *change, enum kernel kernel)
{
	const bool plain_loop = kernel == KERNEL_OLDEST;
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &change->slot);
	struct walk walk = {};
	struct node_id node = {};
	bool is_caused;

	if (!python)
		return node;
	if (python->state == PYTHON_UNKNOWN)
		look_for_python(change->image, change->slot, kernel != KERNEL_PERCPU);
	if (!begin_at_frames(change, kernel)) {
		node = find_frameless(change);
		if (known_layout(python, change->image->image_id))
			judge_find(change->image, change->slot, false);
		return node;
	}
	if (!find_walk(&walk, change->slot, change->scratch))
		return node;
	if (cfg_native && kernel == KERNEL_PERCPU && walk.path->end == WALK_GOING &&
	    !walk.path->cause)
		push_c_frames(change->slot, change->scratch);
	if (walk.path->end == WALK_GOING)
		walk_frames(&walk, change->slot, change->scratch, plain_loop);
	if (walk.path->end == WALK_ROOT && !has_python_frames(walk.path))
		return find_frameless(change);
	is_caused = kernel == KERNEL_PERCPU && walk.path->cause;
	if (is_caused && !is_cause_steady(change->slot, change->scratch))
		return find_frameless(change); /* nothing is lost: it is seen there, not inferred */
	if (!is_caused) {
		ask_for_watch(change->image, change->slot, python, walk.layout);
		if (has_python_frames(walk.path))
			note_python_thread(change->image);
	}
	node = find_path(change, &walk, plain_loop);
	/* Read again: what the verifier knows of it would double all that is between. */
	if (kernel == KERNEL_PERCPU && walk.path->cause) {
		if (node.value)
			node.value = find_caused_row(change->slot, change->scratch, node.value);
		return node.value ? node : find_frameless(change);
	}
	if (has_python_frames(walk.path)) {
		judge_find(change->image, change->slot, true);
		if (change->image->final_moment)
			note_going_on(change->slot, change->pages);
	}
	note_objects(change, walk.path, plain_loop);
	return node;
}

static __always_inline __s64 image_rss(const struct wire_image *image)
{
	return image->books[KIND_FILE] + image->books[KIND_ANON] + image->books[KIND_SHMEM];
}

/* User space has something to attach to a process that has become large, and it may be short. */
static __always_inline bool becomes_large(__s64 before, __s64 rss)
{
	return before < LAST_LOOK_PAGES && rss >= LAST_LOOK_PAGES;
}

__noinline int send_sample(__u32 slot)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_sample sample = { .head.type = RECORD_SAMPLE };
	__s64 before;

	if (!image)
		return 0;
	before = image->sampled;
	sample.head.image_id = image->image_id;
	sample.head.time_ns = bpf_ktime_get_ns();
	sample.rss = image->sampled = image_rss(image);
	sample.anon = image->books[KIND_ANON];
	return send_once(&sample, sizeof(sample), becomes_large(before, sample.rss));
}

static __always_inline void note_rss(struct wire_image *image, __u32 slot)
{
	__s64 rss = image_rss(image);

	if (rss > image->peak)
		image->peak = rss;
	if (absolute(rss - image->sampled) >= SAMPLE_PAGES)
		send_sample(slot);
}

/* Adds pages of the change to a node found before, or to the lost amounts without one. */
static __always_inline void book_on_node(struct change *change, struct node_id id, __s64 pages)
{
	struct wire_node *node = node_at(id);

	if (node) {
		/* verifier: clang 19 works out addresses within a node before it asks for one. */
		asm volatile("" : "+r"(node));
		add_to(id, node, change->kind, pages);
	} else {
		add_to_lost(change->image, change->kind, pages);
	}
	note_rss(change->image, change->slot);
}

static __always_inline void book_on(struct change *change, struct node_id id)
{
	__sync_fetch_and_add(&change->image->books[kind_index(change->kind)], change->pages);
	book_on_node(change, id, change->pages);
}

/* Returns the node's id, 0: there is none. */
__noinline __u32 book_kernel(__u32 slot, __u32 kind, __s64 pages)
{
	struct change change = { .slot = slot, .kind = kind, .pages = pages };
	struct node_id id = {};

	change.image = bpf_map_lookup_elem(&images, &slot);
	if (!change.image)
		return 0;
	id = find_plain_special(&change, SITE_KERNEL);
	book_on(&change, id);
	return id.value;
}

/* Books what a native thread gives back: what has an owner is the owner's, the rest its own. */
static __always_inline void give_back(struct change *change, struct node_id id)
{
	__u32 told;

	__sync_fetch_and_add(&change->image->books[kind_index(change->kind)], change->pages);
	told = own_release(change->slot, change->kind | TELL_OWNERS, -change->pages, id.value);
	book_on_node(change, id, change->pages + told);
}

/* verifier: ways to find a row differ in what is known of the row and of the thread, and each would
 * be followed through all that comes after. Of what has been in memory nothing is known. */
static __always_inline struct node_id find_current_unknown(struct change *change)
{
	__u64 row = find_current(change, KERNEL_PERCPU).value | (__u64)change->is_native << 32;
	__u64 *element = own_element();

	if (!element)
		return (struct node_id){};
	row = as_number(element, (void *)row);
	change->is_native = row >> 32;
	return (struct node_id){ .value = row };
}

/* verifier: what would be known of `pages` would have all that comes after followed twice. */
static __always_inline bool is_release(__s64 pages)
{
	__u64 sign = (__u64)pages >> 63;

	asm volatile("" : "+r"(sign));
	return sign;
}

/*
 * Books what the current thread, one of the image's own, has changed, and who owns it. Where
 * another CPU sees a new highest moment in between, the owners know of the change when the books
 * do, or they would have held less, in sum, than the books of that moment.
 */
static __always_inline struct node_id book_current(struct change *change)
{
	struct node_id id;
	const __s64 pages = change->pages;

	if (cfg_owners && is_release(pages))
		look_for_finalizing(change->slot);
	id = find_current_unknown(change);
	if (cfg_native && cfg_owners && change->is_native && pages > 0)
		id.value = find_c_path(change, id.value);
	if (cfg_owners && change->is_native && pages < 0 && change->kind != KIND_SWAP) {
		give_back(change, id);
	} else {
		if (pages > 0)
			own_change(change->image, change->slot, change->kind, pages, id);
		book_on(change, id);
		if (pages < 0)
			own_change(change->image, change->slot, change->kind, pages, id);
	}
	if (change->kind != KIND_SWAP)
		tally_growth(change->image, change->slot, pages);
	return id;
}

/* A new highest moment is one after the owners of what came have been told. What another CPU has
 * released since the books were that high is not in it. */
static __always_inline void note_peak(struct wire_image *image)
{
	__s64 *books = image->peak_books;

	if (image_rss(image) <= books[KIND_FILE] + books[KIND_ANON] + books[KIND_SHMEM])
		return;
	for (int kind = 0; kind < NR_KINDS; kind++)
		books[kind] = image->books[kind];
	image->peak_moment++;
}

#endif
