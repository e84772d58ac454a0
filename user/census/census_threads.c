/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames and thread states as roots; see census_threads.h. */
#include "census_threads.h"

#include <stdio.h>

#include "memory.h"
#include "python_dict.h"
#include "python_object.h"

#define MAX_THREADS 16384
#define MAX_THREAD_FRAMES 20000 /* recursion may be as deep */
#define SEPARATOR " \u203a "
#define NATIVE_ID_AFTER 8 /* PyThreadState.native_thread_id follows thread_id, 3.11 and later */
#define TUPLE_SIZE 16
#define MAX_KNOWN 1024
#define LONG_DIGITS 24
#define DIGIT_BITS 30

/* What the threading module calls a thread. */
struct known_thread {
	uint64_t id; /* pthread_t */
	uint32_t name;
};

struct known_threads {
	struct census_walk *walk;
	struct known_thread threads[MAX_KNOWN];
	uint32_t count;
	uint64_t id; /* of the key that was told last */
};

struct thread {
	struct census_walk *walk;
	const struct known_threads *known;
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

/* ---- Names of threads: threading._active, { ident: Thread } ---- */

static uint64_t read_int(struct census_reader *reader, uint64_t object)
{
	uint32_t digits[3] = { 0 };

	census_memory_read(&reader->memory, object + LONG_DIGITS, digits, 2 * sizeof(*digits));
	return digits[0] | (uint64_t)digits[1] << DIGIT_BITS;
}

static void see_known(void *context, uint64_t word, uint32_t name)
{
	struct known_threads *known = context;
	struct census_walk *walk = known->walk;
	struct census_head head;
	_cleanup_(freep) char *text = NULL;
	uint32_t class;

	if (!census_classes_object(walk->classes, word, &head, &class))
		return;
	if (walk->classes->classes[class].kind == KIND_INT) {
		known->id = read_int(walk->classes->reader, word);
		return;
	}
	if (known->count == MAX_KNOWN ||
	    python_object_attribute(&walk->classes->reader->python, word, "_name", &text))
		return;
	known->threads[known->count++] = (struct known_thread){
		known->id,
		string_pool_add(walk->names->strings, text),
	};
}

static bool find_in_dict(struct census_reader *reader, uint64_t dict, const char *name,
			 uint64_t *ret)
{
	struct python_table table;
	struct python_slot slot;
	uint64_t key = 0;

	if (python_dict_open(&reader->python, dict, &table) ||
	    python_dict_find(&reader->python, &table, name, &key, &slot))
		return false;
	*ret = slot.value;
	return true;
}

static void find_known(struct census_walk *walk, uint64_t interpreter, struct known_threads *ret)
{
	struct census_reader *reader = walk->classes->reader;
	const struct census_refs refs = {
		.classes = walk->classes,
		.names = walk->names,
		.context = ret,
		.see = see_known,
	};
	uint64_t at = census_reader_word(reader, interpreter + reader->layout.interp_modules);

	ret->walk = walk;
	ret->count = 0;
	if (find_in_dict(reader, at, "threading", &at) &&
	    find_in_dict(reader, census_reader_word(reader, at + OBJECT_BYTES), "_active", &at))
		census_refs_visit_dict(&refs, at, false);
}

static bool is_known(struct thread *thread)
{
	uint64_t id = census_reader_word(
		reader_of(thread), thread->state + reader_of(thread)->python.wire.tstate_thread);

	for (uint32_t i = 0; i < thread->known->count; i++)
		if (thread->known->threads[i].id == id) {
			thread->name = thread->known->threads[i].name;
			return true;
		}
	return false;
}

/* The first that was made is the last of the list, and that of the program. */
static void name_thread(struct thread *thread)
{
	struct census_reader *reader = reader_of(thread);
	const struct wire_layout *wire = &reader->python.wire;
	uint64_t next = census_reader_word(reader, thread->state + wire->tstate_next), id = 0;
	char text[48];

	if (is_known(thread))
		return;
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
	_cleanup_(freep) struct known_threads *known = xcalloc(1, sizeof(*known));
	struct thread thread = { .walk = walk, .known = known, .pid = pid };

	find_known(walk, interpreter, known);
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
	if (ret->nr_names > UINT16_MAX)
		return false;
	name = census_names_of(
		walk->names,
		census_reader_word(reader, ret->code + (wire->code_qualname != NO_OFFSET
								? wire->code_qualname
								: wire->code_name)));
	ret->name = census_names_join(walk->names, thread->name, SEPARATOR, name);
	ret->node = census_tree_root(&walk->tree, CENSUS_FRAME, ret->name, CENSUS_NO_NODE);
	return true;
}

/* Up to 3.10 cells have no names here: they belong to the function. */
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

static void put_locals(struct thread *thread, const struct frame *frame)
{
	struct census_reader *reader = reader_of(thread);
	uint64_t locals = frame->address + reader->python.wire.frame_locals;
	uint64_t count = nr_slots_of(thread, frame);

	for (uint64_t i = 0; i < count && i < frame->nr_names; i++)
		put_local(thread, frame, i, census_reader_word(reader, locals + i * 8));
}

/* Its code, its globals, and to 3.10 the frame itself; and what stands on its stack, of which some
 * may be left over from before. */
static void put_others(struct thread *thread, const struct frame *frame)
{
	struct census_reader *reader = reader_of(thread);
	const struct wire_layout *wire = &reader->python.wire;
	uint64_t locals = frame->address + wire->frame_locals;
	uint64_t mask = ~(uint64_t)wire->tag_mask, count = nr_slots_of(thread, frame);

	if (reader->layout.code_nlocalsplus == CENSUS_NO_OFFSET)
		census_walk_put(thread->walk, frame->address, frame->node);
	for (uint64_t at = frame->address; at < locals; at += 8)
		census_walk_put(thread->walk, census_reader_word(reader, at) & mask, frame->node);
	for (uint64_t i = frame->nr_names; i < count; i++)
		census_walk_put(thread->walk, census_reader_word(reader, locals + i * 8) & mask,
				frame->node);
}

static void each_frame(struct thread *thread,
		       void (*put)(struct thread *thread, const struct frame *frame))
{
	struct census_reader *reader = reader_of(thread);
	const struct wire_layout *wire = &reader->python.wire;
	uint64_t address = census_reader_word(reader, thread->state + wire->tstate_frame);
	struct frame frame;

	if (wire->cframe_frame != NO_OFFSET && address)
		address = census_reader_word(reader, address + wire->cframe_frame);
	for (int i = 0; address && i < MAX_THREAD_FRAMES; i++) {
		if (open_frame(thread, address, &frame))
			put(thread, &frame);
		address = census_reader_word(reader, address + wire->frame_back);
	}
}

static void put_frames(struct thread *thread)
{
	each_frame(thread, put_locals);
}

/* ---- States ---- */

static void put_state(struct thread *thread)
{
	struct census_walk *walk = thread->walk;
	uint32_t node = census_tree_root(&walk->tree, CENSUS_THREAD, thread->name, CENSUS_NO_NODE);

	for (uint32_t i = 0; i < reader_of(thread)->layout.tstate_bytes; i += 8)
		census_walk_put(walk, census_reader_word(reader_of(thread), thread->state + i),
				node);
	each_frame(thread, put_others);
}

void census_threads_put_frames(struct census_walk *walk, uint64_t interpreter, pid_t pid)
{
	each_thread(walk, interpreter, pid, put_frames);
}

void census_threads_put_states(struct census_walk *walk, uint64_t interpreter, pid_t pid)
{
	each_thread(walk, interpreter, pid, put_state);
}
