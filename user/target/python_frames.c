/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames of a running process; see python_frames.h. */
#include "python_frames.h"

#include <stdbool.h>

#include "process_memory.h"

#define INTERPRETERS_MAX 256
#define THREADS_MAX 16384
/* Three for each frame of MAX_STANDING, three for each thread; lists that are circles end here. */
#define READS_MAX 131072

struct reading {
	struct process_memory *memory;
	unsigned int nr_reads;
	const struct wire_layout *layout;
	struct python_frame *frames;
	size_t count, max;
};

static uint64_t read_pointer(struct reading *reading, uint64_t address)
{
	uint64_t value = 0;

	if (reading->nr_reads++ >= READS_MAX ||
	    process_memory_read(reading->memory, address, &value, sizeof(value)))
		return 0;
	return value;
}

/* Of a frame that runs Python, else 0. The owner is a byte. */
static uint64_t read_code(struct reading *reading, uint64_t frame)
{
	const struct wire_layout *layout = reading->layout;
	uint8_t owner = 0;

	if (layout->owner_shim_min != NO_OFFSET)
		owner = (uint8_t)read_pointer(reading, frame + layout->frame_owner);
	if (layout->owner_shim_min != NO_OFFSET && owner >= layout->owner_shim_min)
		return 0;
	return read_pointer(reading, frame + layout->frame_code) & ~(uint64_t)layout->tag_mask;
}

/* native_thread_id follows thread_id, Include/cpython/pystate.h of 3.11 to 3.14. */
static void read_thread(struct reading *reading, uint64_t thread)
{
	const struct wire_layout *layout = reading->layout;
	uint64_t frame = read_pointer(reading, thread + layout->tstate_frame);

	const uint64_t tid = frame ? read_pointer(reading,
						  thread + layout->tstate_thread + sizeof(uint64_t))
				   : 0;

	if (layout->cframe_frame != NO_OFFSET && frame)
		frame = read_pointer(reading, frame + layout->cframe_frame);
	for (int i = 0; frame && i < 2 * MAX_FRAMES && reading->count < reading->max; i++) {
		reading->frames[reading->count++] = (struct python_frame){
			.frame = frame,
			.code = read_code(reading, frame),
			.thread = thread,
			.tid = tid,
		};
		frame = read_pointer(reading, frame + layout->frame_back);
	}
}

static void read_interpreter(struct reading *reading, uint64_t interpreter)
{
	uint64_t thread = read_pointer(reading, interpreter + reading->layout->interp_threads);

	for (int i = 0; thread && i < THREADS_MAX; i++) {
		read_thread(reading, thread);
		thread = read_pointer(reading, thread + reading->layout->tstate_next);
	}
}

size_t python_frames_read(struct process_memory *memory, const struct wire_layout *layout,
			  uint64_t bias, struct python_frame *ret_frames, size_t max)
{
	struct reading reading = {
		.memory = memory,
		.layout = layout,
		.frames = ret_frames,
		.max = max,
	};
	uint64_t next;

	if (!layout->interpreters_vaddr)
		return 0;
	next = read_pointer(&reading, layout->interpreters_vaddr + bias);
	for (int i = 0; next && i < INTERPRETERS_MAX; i++) {
		read_interpreter(&reading, next);
		next = read_pointer(&reading, next + layout->interp_next);
	}
	return reading.count;
}
