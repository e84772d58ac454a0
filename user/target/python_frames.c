/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames of a running process; see python_frames.h. */
#include "python_frames.h"

#include <stdbool.h>
#include <sys/uio.h>

#include "memory.h"
#include "offset_table.h"

#define INTERPRETERS_MAX 256
#define THREADS_MAX 16384

/* Headers of 3.11.7, 3.12.1, 3.13.0 and 3.14.10; the same in all releases of a version, and without
 * the GIL. */
static const struct links {
	uint16_t version;	    /* major << 8 | minor */
	uint16_t interpreters_head; /* in _PyRuntime */
	uint16_t interpreter_next;  /* in PyInterpreterState */
	uint16_t threads_head;
	uint16_t thread_next; /* in PyThreadState */
} all_links[] = {
	{ 0x30b, 40, 0, 16, 8 },
	{ 0x30c, 40, 0, 72, 8 },
	{ 0x30d, 632, 7264, 7344, 8 },
	{ 0x30e, 808, 7272, 7344, 8 },
};

struct reading {
	pid_t pid;
	const struct wire_layout *layout;
	const struct links *links;
	uint64_t *frames;
	size_t count, max;
};

static uint64_t read_pointer(const struct reading *reading, uint64_t address)
{
	uint64_t value = 0;
	struct iovec here = { &value, sizeof(value) };
	struct iovec there = { (void *)(uintptr_t)address, sizeof(value) };

	if (process_vm_readv(reading->pid, &here, 1, &there, 1, 0) != (ssize_t)sizeof(value))
		return 0;
	return value;
}

static void read_thread(struct reading *reading, uint64_t thread)
{
	const struct wire_layout *layout = reading->layout;
	uint64_t frame = read_pointer(reading, thread + layout->tstate_frame);

	if (layout->cframe_frame != NO_OFFSET && frame)
		frame = read_pointer(reading, frame + layout->cframe_frame);
	for (int i = 0; frame && i < 2 * MAX_FRAMES && reading->count < reading->max; i++) {
		reading->frames[reading->count++] = frame;
		frame = read_pointer(reading, frame + layout->frame_back);
	}
}

static void read_interpreter(struct reading *reading, uint64_t interpreter)
{
	uint64_t thread = read_pointer(reading, interpreter + reading->links->threads_head);

	for (int i = 0; thread && i < THREADS_MAX; i++) {
		read_thread(reading, thread);
		thread = read_pointer(reading, thread + reading->links->thread_next);
	}
}

static const struct links *find_links(const struct wire_layout *layout)
{
	for (size_t i = 0; i < ARRAY_SIZE(all_links); i++)
		if (all_links[i].version == layout->version)
			return &all_links[i];
	return NULL;
}

size_t python_frames_read(pid_t pid, const struct interpreter *interpreter, uint64_t bias,
			  uint64_t *ret_frames, size_t max)
{
	struct reading reading = {
		.pid = pid,
		.layout = &interpreter->layout,
		.links = find_links(&interpreter->layout),
		.frames = ret_frames,
		.max = max,
	};
	struct offset_table table;
	uint64_t next;

	if (!reading.links || interpreter->layout.tstate_by != TSTATE_BY_PTHREAD_KEY ||
	    offset_table_find(interpreter->version_hex, interpreter->layout.free_threaded, &table))
		return 0;
	/* The key is a part of _PyRuntime. */
	next = read_pointer(&reading, interpreter->layout.key_vaddr + bias - table.runtime_key +
					      reading.links->interpreters_head);
	for (int i = 0; next && i < INTERPRETERS_MAX; i++) {
		read_interpreter(&reading, next);
		next = read_pointer(&reading, next + reading.links->interpreter_next);
	}
	return reading.count;
}
