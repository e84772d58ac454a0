/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who puts work into a queue, and who takes it out: probes in the C functions that all of Python's
 * own pools come to (user/target/queue_plan.h). An item is known by its address from when it is put
 * until it is taken; the queue holds it meanwhile.
 *
 * SimpleQueue is C. queue.Queue and asyncio.Queue are Python around a deque: their methods _put and
 * _get call its append and popleft, and what calls the queue stands below those. Deques of others
 * are none of ours.
 */
#ifndef MEMPROBE_QUEUES_H
#define MEMPROBE_QUEUES_H

#include "calls.h"

#define MAX_HOPS 8 /* submitters of submitters */

struct item_key {
	__u64 item;
	__u32 image_id;
	__u32 pad;
};

struct item {
	__u64 path;	  /* that put it */
	struct work own;  /* that this path itself does; no code: none */
	__u32 waiting;	  /* how often it is in queues */
	__u32 is_unclear; /* several paths have put it: nobody knows whose is taken */
	__u32 putter;	  /* tid */
	__u32 pad;
};

/* What is never taken goes when there are too many. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1); /* sized by loader */
	__type(key, struct item_key);
	__type(value, struct item);
} items SEC(".maps");

/* ---- Who calls the queue ---- */

#define TEXT_BYTES(count) ((1ULL << 8 * (count)) - 1)

/* Of a queue's method that moves an item: _put, _get. */
static __always_inline bool is_mover(__u64 name)
{
	name &= TEXT_BYTES(5);
	return name == TEXT8('_', 'p', 'u', 't', 0, 0, 0, 0) ||
	       name == TEXT8('_', 'g', 'e', 't', 0, 0, 0, 0);
}

/* Of one that calls such a method: put or get, put_nowait or get_nowait; and who waits for it. */
static __always_inline bool is_queue_method(__u64 name, bool is_put)
{
	__u64 first = is_put ? TEXT8('p', 'u', 't', 0, 0, 0, 0, 0)
			     : TEXT8('g', 'e', 't', 0, 0, 0, 0, 0);

	return (name & TEXT_BYTES(4)) == first ||
	       name == (first | TEXT8(0, 0, 0, '_', 'n', 'o', 'w', 'a')) ||
	       name == TEXT8('w', 'a', 'i', 't', '_', 'f', 'o', 'r');
}

enum queue_kind { QUEUE_OF_C, QUEUE_AROUND_DEQUE };

/* A step of skip_queue: 0: go on, 1: the frame is the caller's, 2: there is none. */
static __always_inline int skip_frame(const struct wire_layout *layout, __u64 frame, __u32 step,
				      bool is_put, __u64 *code)
{
	const __u64 awaited = *code;
	__u64 name;

	/* C calls put for somebody (call_soon); get returns to a frame, or to nobody's. */
	if (step && is_put && is_shim_at(layout, frame))
		return 0;
	*code = code_of_frame(layout, frame);
	if (!*code)
		return 2;
	name = str_begin(layout, *code, layout->code_name);
	if (!step)
		return is_mover(name) ? 0 : 2;
	if (is_queue_method(name, is_put))
		return 0;
	/* A get that is a task of its own returns to its loop, for whoever waits for the task. */
	return is_put || !is_coroutine(layout, awaited) || is_coroutine(layout, *code) ? 1 : 2;
}

#define MAX_QUEUE_FRAMES 6 /* _get, get_nowait, get, wait_for, one of a class's own, the caller */

/* Leads a walk that has begun from a queue's own frames to the one that called it. Returns that
 * one's code object; 0: it was no queue. */
__noinline __u64 skip_queue(__u32 slot, __u32 scratch, __u32 kind, __u32 is_put)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	const struct wire_layout *layout = slot_layout(slot);
	__u64 code = 0;
	int end;

	if (!path || !layout)
		return 0;
	if (kind == QUEUE_OF_C)
		return code_of_frame(layout, path->frame);
	for (__u32 i = 0; i < MAX_QUEUE_FRAMES && path->frame; i++) {
		end = skip_frame(layout, path->frame, i, is_put, &code);
		if (end)
			return end == 1 ? code : 0;
		if (read_user(&path->frame, sizeof(path->frame), path->frame + layout->frame_back))
			return 0;
	}
	return 0;
}

/* Whether it is known who uses a queue. */
enum queue_user {
	USER_NONE, /* nobody who runs Python, or it is no queue */
	USER_FOUND,
	USER_LOST, /* it could not be found out */
};

/* Sets the scratch's path to the current thread's leaf frame. */
static __always_inline enum queue_user begin_queue_walk(__u32 slot, __u32 scratch)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);

	if (!path)
		return USER_NONE;
	path->end = WALK_GOING;
	if (begin_walk(slot, scratch, 0) == WALK_BEGUN)
		return USER_FOUND;
	return path->end == WALK_GOING ? USER_NONE : USER_LOST;
}

/* ---- What is lost ---- */

/* It is not known who has put an item, or taken it out: nobody's work, should it be known. */
__noinline int lose_item(__u32 slot, __u64 address)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct item_key key = { .item = address };
	struct item *item;

	if (!image)
		return 0;
	count_loss(image, LOSS_submitter_lost, 0);
	key.image_id = image->image_id;
	item = bpf_map_lookup_elem(&items, &key);
	if (item)
		item->is_unclear = 1;
	return 0;
}

/* ---- What is put ---- */

static __always_inline bool is_same_work(const struct item *one, const struct item *other)
{
	return one->path == other->path && one->own.path == other->own.path;
}

/* An item is put. It may be in a queue already. */
static __always_inline void add_item(const struct item_key *key, struct item *fresh)
{
	struct item *known = bpf_map_lookup_elem(&items, key);

	if (!known) {
		bpf_map_update_elem(&items, key, fresh, BPF_NOEXIST);
		return;
	}
	if (!is_same_work(known, fresh))
		known->is_unclear = 1;
	__sync_fetch_and_add(&known->waiting, 1);
}

/* Walks the path that puts an item. */
static __always_inline enum queue_user walk_putter(__u32 slot, __u32 scratch, __u32 kind)
{
	enum queue_user begun = begin_queue_walk(slot, scratch);
	__u64 found;

	if (begun != USER_FOUND)
		return begun;
	if (!skip_queue(slot, scratch, kind, 1) || !walk_begun(slot, scratch))
		return USER_NONE;
	found = find_call(slot, scratch);
	if (!(__u32)found)
		return USER_LOST;
	if (found >> 32)
		count_slot_loss(slot, (found >> 32) - 1, 0);
	return USER_FOUND;
}

#define LOST_SCRATCH NR_SCRATCHES /* it was not found out which path it is */

/* Walks the path of the current thread, as far as it is no queue's own, in scratch memory that is
 * still to be given back. Returns that; SCRATCH_RSS: it is nobody's; or LOST_SCRATCH. */
static __always_inline __u32 walk_submitter(__u32 slot, __u32 kind)
{
	__u32 zero = 0, tid = bpf_get_current_pid_tgid(), scratch;
	struct scratch_owners *owners = bpf_map_lookup_elem(&scratch_owners, &zero);
	enum queue_user user;

	if (!owners)
		return SCRATCH_RSS;
	scratch = take_scratch(owners, tid, false);
	if (scratch == SCRATCH_RSS)
		return LOST_SCRATCH;
	user = walk_putter(slot, scratch, kind);
	if (user == USER_FOUND)
		return scratch;
	give_scratch(owners, scratch, tid);
	return user == USER_LOST ? LOST_SCRATCH : SCRATCH_RSS;
}

/* What a walked path puts; gives the scratch memory back. Returns whether it was ours until then.
 */
static __always_inline bool read_walked(__u32 scratch, struct item *ret)
{
	__u32 zero = 0, tid = bpf_get_current_pid_tgid();
	struct scratch_owners *owners = bpf_map_lookup_elem(&scratch_owners, &zero);
	const struct path *path = bpf_map_lookup_elem(&paths, &scratch);

	if (!owners || !path)
		return false;
	ret->path = path->key;
	ret->putter = tid;
	if (path->work.code)
		ret->own = path->work;
	return give_scratch(owners, scratch, tid);
}

/* Behind the walk, for the stack: 512 bytes with all that it calls. */
__noinline int put_walked(__u32 slot, __u32 scratch, __u64 address)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct item_key key = { .item = address };
	struct item item = { .waiting = 1 };

	if (!image || !address)
		return 0;
	if (!read_walked(scratch, &item))
		return lose_item(slot, address);
	key.image_id = image->image_id;
	add_item(&key, &item);
	return 0;
}

/* ---- What is taken ---- */

/* What an item's work hangs below, for a worker of this code object. What a worker gives to its own
 * kind hangs where its own work does, and so does what would be too many hops away. */
static __always_inline void choose_work(const struct item *item, __u64 code, struct work *ret)
{
	const struct work *own = &item->own;

	if (own->code && (own->code == code || own->hops >= MAX_HOPS)) {
		*ret = *own;
	} else {
		ret->path = item->path;
		ret->hops = own->hops + 1;
		ret->putter = item->putter;
		ret->first = own->code ? own->first : item->putter;
	}
	ret->code = code;
	ret->is_task = 0;
	ret->taker = 0;
	ret->takes = 0;
}

/* Takes an item out. Returns whether it is known whose work it is. One that is unclear is
 * forgotten: what is put there next is clear again. */
static __always_inline bool take_item(const struct item_key *key, struct item *ret)
{
	struct item *item = bpf_map_lookup_elem(&items, key);

	if (!item)
		return false;
	*ret = *item;
	if (item->waiting > 1 && !item->is_unclear)
		__sync_fetch_and_add(&item->waiting, -1);
	else
		bpf_map_delete_elem(&items, key);
	return !ret->is_unclear;
}

/* Has a thread taken back what was done for it? That is no work for it. */
static __always_inline bool is_result(const struct item *item)
{
	__u32 tid = bpf_get_current_pid_tgid();

	return item->own.code && (item->own.putter == tid || item->own.first == tid);
}

/* A frame of this code object has taken an item. Behind the look for it, for the stack. */
__noinline int put_to_work(__u32 slot, __u64 address, __u64 frame, __u64 code)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	const struct wire_layout *layout = slot_layout(slot);
	struct worker_key worker = { .frame = frame };
	struct item_key key = { .item = address };
	struct item item = {};
	struct work work = {}, *known;
	bool is_clear, is_resumed, is_task;

	if (!image || !layout)
		return 0;
	worker.image_id = key.image_id = image->image_id;
	is_clear = take_item(&key, &item);
	if (!code)
		return 0;
	is_resumed = is_coroutine(layout, code);
	if (is_clear && !is_resumed && is_result(&item))
		return 0;
	known = bpf_map_lookup_elem(&workers, &worker);
	is_task = known && known->code == code && known->is_task;
	if (!is_clear) {
		if (!is_task) /* whose task it is stays known */
			bpf_map_delete_elem(&workers, &worker);
		return 0;
	}
	choose_work(&item, code, &work);
	work.is_task = is_task;
	work.taker = is_resumed ? 0 : CURRENT(start_time);
	work.takes = *find_lost_takes(slot) + 1;
	bpf_map_update_elem(&workers, &worker, &work, BPF_ANY);
	return 0;
}

/* The frame that takes something out of a queue, and its code object; 0: none does. */
static __always_inline enum queue_user find_worker(__u32 slot, __u32 kind, __u64 *ret_frame,
						   __u64 *ret_code)
{
	__u32 zero = 0, tid = bpf_get_current_pid_tgid(), scratch;
	struct scratch_owners *owners = bpf_map_lookup_elem(&scratch_owners, &zero);
	enum queue_user user;
	struct path *path;

	if (!owners)
		return USER_LOST;
	scratch = take_scratch(owners, tid, false);
	path = bpf_map_lookup_elem(&paths, &scratch);
	if (scratch == SCRATCH_RSS || !path)
		return USER_LOST;
	user = begin_queue_walk(slot, scratch);
	if (user == USER_FOUND)
		*ret_code = skip_queue(slot, scratch, kind, 0);
	*ret_frame = path->frame;
	return give_scratch(owners, scratch, tid) ? user : USER_LOST;
}

/* Some frame has taken something: none is known any more to be at what it had taken before. */
static __always_inline void lose_worker(__u32 slot, __u64 address)
{
	__sync_fetch_and_add(find_lost_takes(slot), 1);
	lose_item(slot, address);
}

/* What leaves a queue of C's is taken though nobody is found who took it. */
__noinline int note_taken(__u32 slot, __u64 address, __u32 kind)
{
	__u64 frame = 0, code = 0;

	if (!address)
		return 0;
	if (find_worker(slot, kind, &frame, &code) == USER_LOST) {
		lose_worker(slot, address);
		code = 0;
	}
	if (!code && kind != QUEUE_OF_C)
		return 0;
	return put_to_work(slot, address, frame, code);
}

/* ---- Tasks ---- */

/*
 * Where the frame of a coroutine lies: in it, from 3.11 on (PyCoroObject.cr_iframe), or where it
 * points to (cr_frame). 0: it cannot be read.
 */
static __always_inline __u64 frame_of_coroutine(const struct wire_layout *layout, __u64 coroutine)
{
	__u64 frame = 0, more = layout->free_threaded ? 16 : 0; /* PyObject's head */

	if (layout->version >= 0x030b)
		return coroutine + more + (layout->version == 0x030b ? 80 : 72);
	read_user(&frame, sizeof(frame), coroutine + 16);
	return frame;
}

/* A task is made of a coroutine that has not begun: what runs in that hangs below who made it. */
__noinline int make_walked(__u32 slot, __u32 scratch, __u64 coroutine)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	const struct wire_layout *layout = slot_layout(slot);
	struct worker_key key = {};
	struct item item = {};
	struct work work = {};
	__u64 code;

	if (!image || !layout || !coroutine)
		return 0;
	key.image_id = image->image_id;
	key.frame = frame_of_coroutine(layout, coroutine);
	if (scratch == LOST_SCRATCH || !read_walked(scratch, &item)) {
		count_loss(image, LOSS_submitter_lost, 0);
		bpf_map_delete_elem(&workers, &key); /* of one that was there before */
		return 0;
	}
	code = code_of_frame(layout, key.frame);
	if (!code)
		return 0;
	choose_work(&item, code, &work);
	work.is_task = 1;
	bpf_map_update_elem(&workers, &key, &work, BPF_ANY);
	return 0;
}

/* ---- The probes ---- */

/* dequeobject and its block, Modules/_collectionsmodule.c, 3.6 to 3.15. */
#define DEQUE_SIZE 16
#define DEQUE_LEFT_BLOCK 24
#define DEQUE_LEFT_INDEX 40
#define DEQUE_BLOCK_ITEMS 8

/* The object at the left of a deque; 0: it is empty, or cannot be read. */
static __always_inline __u64 read_leftmost(__u32 slot, __u64 deque)
{
	const struct wire_layout *layout = slot_layout(slot);
	__u64 size = 0, block = 0, index = 0, item = 0;

	if (!layout)
		return 0;
	deque += layout->free_threaded ? 16 : 0; /* PyObject's head is longer */
	if (read_user(&size, sizeof(size), deque + DEQUE_SIZE) || !size ||
	    read_user(&block, sizeof(block), deque + DEQUE_LEFT_BLOCK) ||
	    read_user(&index, sizeof(index), deque + DEQUE_LEFT_INDEX) ||
	    read_user(&item, sizeof(item), block + DEQUE_BLOCK_ITEMS + 8 * index))
		return 0;
	return item;
}

/* The first of a tuple of arguments. */
static __always_inline __u64 read_first(__u32 slot, __u64 tuple)
{
	const struct wire_layout *layout = slot_layout(slot);
	__u64 item = 0;

	if (layout)
		read_user(&item, sizeof(item), tuple + layout->tuple_items);
	return item;
}

/* The object that a call is about. */
static __always_inline __u64 read_subject(const struct pt_regs *registers, __u32 slot, __u32 call)
{
	__u64 item = 0;

	switch (call) {
	case QUEUE_APPEND:
		return registers->ARG2;
	case QUEUE_PUT:
		read_user(&item, sizeof(item), registers->ARG2);
		return item;
	case QUEUE_POPLEFT:
		return read_leftmost(slot, registers->ARG1);
	case QUEUE_TASK:
		return read_first(slot, registers->ARG2);
	}
	return 0;
}

static __always_inline int on_queue_entry(const struct pt_regs *registers, __u32 call)
{
	__u32 slot, scratch;
	__u64 subject;

	if (!find_image(READ_CURRENT(mm), &slot))
		return 0;
	subject = read_subject(registers, slot, call);
	if (call == QUEUE_POPLEFT)
		return note_taken(slot, subject, QUEUE_AROUND_DEQUE);
	scratch = walk_submitter(slot, call == QUEUE_APPEND ? QUEUE_AROUND_DEQUE : QUEUE_OF_C);
	if (scratch == SCRATCH_RSS)
		return 0;
	if (call == QUEUE_TASK)
		return make_walked(slot, scratch, subject);
	return scratch == LOST_SCRATCH ? lose_item(slot, subject)
				       : put_walked(slot, scratch, subject);
}

/* 0: the queue is empty. */
static __always_inline int on_queue_return(const struct pt_regs *registers)
{
	__u32 slot;

	if (registers->RETURN_VALUE && find_image(READ_CURRENT(mm), &slot))
		note_taken(slot, registers->RETURN_VALUE, QUEUE_OF_C);
	return 0;
}

#endif
