/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames and thread states as roots; see census_threads.h. */
#include "census_threads.h"

#include <stdio.h>

#include "memory.h"

#define MAX_THREADS 16384
#define MAX_THREAD_FRAMES 20000 /* recursion may be as deep */
#define SEPARATOR " \u203a "
#define NATIVE_ID_AFTER 8 /* PyThreadState.native_thread_id follows thread_id, 3.11 and later */
#define TUPLE_SIZE 16

struct thread {
	struct census_walk *walk;
	uint64_t state;
	uint32_t name;
	pid_t pid;
	uint32_t number; /* from the newest on */
};

/* The frame that is looked at. */
struct frame {
	uint64_t address, code;
	uint32_t name, node;
	uint64_t names; /* tuple of its variables' names */
	uint64_t nr_names;
};

static struct census_reader *reader_of(const struct thread *thread)
{
	return thread->walk->classes->reader;
}

/* The first that was made is the last of the list, and that of the program. */
static void name_thread(struct thread *thread)
{
	struct census_reader *reader = reader_of(thread);
	const struct wire_layout *wire = &reader->python.wire;
	uint64_t next = census_reader_word(reader, thread->state + wire->tstate_next), id = 0;
	char text[48];

	if (wire->version >= 0x30b)
		id = census_reader_word(reader,
					thread->state + wire->tstate_thread + NATIVE_ID_AFTER);
	if (id == (uint64_t)thread->pid || (!id && !next))
		snprintf(text, sizeof(text), "MainThread");
	else if (id)
		snprintf(text, sizeof(text), "thread %u", (uint32_t)id);
	else
		snprintf(text, sizeof(text), "thread #%u", thread->number);
	thread->name = string_pool_add(thread->walk->names->strings, text);
}

static void each_thread(struct census_walk *walk, uint64_t interpreter, pid_t pid,
			void (*put)(struct thread *thread))
{
	struct census_reader *reader = walk->classes->reader;
	const struct wire_layout *wire = &reader->python.wire;
	struct thread thread = { .walk = walk, .pid = pid };

	thread.state = census_reader_word(reader, interpreter + wire->interp_threads);
	for (int i = 0; thread.state && i < MAX_THREADS; i++) {
		thread.number++;
		name_thread(&thread);
		put(&thread);
		thread.state = census_reader_word(reader, thread.state + wire->tstate_next);
	}
}

/* ---- Frames ---- */

static bool is_shim(struct census_reader *reader, uint64_t frame)
{
	const struct wire_layout *wire = &reader->python.wire;
	uint8_t owner = 0;

	if (wire->owner_shim_min == NO_OFFSET)
		return false;
	return !census_memory_read(&reader->memory, frame + wire->frame_owner, &owner, 1) ||
	       owner >= wire->owner_shim_min;
}

static bool open_frame(const struct thread *thread, uint64_t address, struct frame *ret)
{
	struct census_reader *reader = reader_of(thread);
	const struct wire_layout *wire = &reader->python.wire;
	struct census_walk *walk = thread->walk;
	uint32_t name;

	ret->address = address;
	ret->code = census_reader_word(reader, address + wire->frame_code) &
		    ~(uint64_t)wire->tag_mask;
	if (!ret->code || is_shim(reader, address))
		return false;
	ret->names = census_reader_word(reader, ret->code + wire->code_varnames);
	ret->nr_names = census_reader_word(reader, ret->names + TUPLE_SIZE);
	name = census_names_of(
		walk->names,
		census_reader_word(reader, ret->code + (wire->code_qualname != NO_OFFSET
								? wire->code_qualname
								: wire->code_name)));
	ret->name = census_names_join(walk->names, thread->name, SEPARATOR, name);
	ret->node = census_tree_root(&walk->tree, CENSUS_FRAME, ret->name, CENSUS_NO_NODE);
	return true;
}

/* Locals have names; cells and what stands on the stack belong to the function. */
static void put_local(const struct thread *thread, const struct frame *frame, uint64_t index,
		      uint64_t word)
{
	struct census_reader *reader = reader_of(thread);
	const struct wire_layout *wire = &reader->python.wire;
	struct census_walk *walk = thread->walk;
	uint32_t node = frame->node, name = CENSUS_NO_NAME;

	if (index < frame->nr_names)
		name = census_names_of(
			walk->names,
			census_reader_word(reader, frame->names + wire->tuple_items + index * 8));
	if (name != CENSUS_NO_NAME)
		node = census_tree_root(
			&walk->tree, CENSUS_FRAME,
			census_names_join(walk->names, frame->name, SEPARATOR, name), frame->node);
	census_walk_put(walk, word & ~(uint64_t)wire->tag_mask, node);
}

/* Up to 3.10 frames are objects that know their size. */
static uint64_t nr_slots_of(const struct thread *thread, const struct frame *frame)
{
	struct census_reader *reader = reader_of(thread);
	uint64_t count;

	if (reader->layout.code_nlocalsplus != CENSUS_NO_OFFSET)
		return census_size_frame_slots(reader, frame->address);
	count = census_reader_word(reader, frame->address + OBJECT_SIZE);
	return count <= UINT16_MAX ? count : 0;
}

static void put_frame(struct thread *thread, uint64_t address)
{
	struct census_reader *reader = reader_of(thread);
	const struct wire_layout *wire = &reader->python.wire;
	struct frame frame;
	uint64_t count, word;

	if (!open_frame(thread, address, &frame))
		return;
	count = nr_slots_of(thread, &frame);
	for (uint64_t i = 0; i < count; i++) {
		if (!census_memory_u64(&reader->memory, address + wire->frame_locals + i * 8,
				       &word))
			break;
		if (word)
			put_local(thread, &frame, i, word);
	}
	/* The code, its globals, and to 3.10 the frame itself. */
	if (reader->layout.code_nlocalsplus == CENSUS_NO_OFFSET)
		census_walk_put(thread->walk, address, frame.node);
	thread->walk->node = frame.node;
	for (uint64_t i = 0; i < wire->frame_locals; i += 8) {
		word = census_reader_word(reader, address + i) & ~(uint64_t)wire->tag_mask;
		census_walk_put(thread->walk, word, frame.node);
	}
}

static void put_frames(struct thread *thread)
{
	struct census_reader *reader = reader_of(thread);
	const struct wire_layout *wire = &reader->python.wire;
	uint64_t frame = census_reader_word(reader, thread->state + wire->tstate_frame);

	if (wire->cframe_frame != NO_OFFSET && frame)
		frame = census_reader_word(reader, frame + wire->cframe_frame);
	for (int i = 0; frame && i < MAX_THREAD_FRAMES; i++) {
		put_frame(thread, frame);
		frame = census_reader_word(reader, frame + wire->frame_back);
	}
}

/* ---- States ---- */

static void put_state(struct thread *thread)
{
	struct census_walk *walk = thread->walk;
	uint32_t node = census_tree_root(&walk->tree, CENSUS_THREAD, thread->name, CENSUS_NO_NODE);

	for (uint32_t i = 0; i < reader_of(thread)->layout.tstate_bytes; i += 8)
		census_walk_put(walk, census_reader_word(reader_of(thread), thread->state + i),
				node);
}

void census_threads_put_frames(struct census_walk *walk, uint64_t interpreter, pid_t pid)
{
	each_thread(walk, interpreter, pid, put_frames);
}

void census_threads_put_states(struct census_walk *walk, uint64_t interpreter, pid_t pid)
{
	each_thread(walk, interpreter, pid, put_state);
}
