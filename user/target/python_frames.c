/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames of a running process; see python_frames.h. */
#include "python_frames.h"

#include <stdbool.h>
#include <sys/uio.h>

#define INTERPRETERS_MAX 256
#define THREADS_MAX 16384

struct reading {
	pid_t pid;
	const struct wire_layout *layout;
	struct python_frame *frames;
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

/* Of a frame that runs Python, else 0. The owner is a byte. */
static uint64_t read_code(const struct reading *reading, uint64_t frame)
{
	const struct wire_layout *layout = reading->layout;
	uint8_t owner = 0;

	if (layout->owner_shim_min != NO_OFFSET)
		owner = (uint8_t)read_pointer(reading, frame + layout->frame_owner);
	if (layout->owner_shim_min != NO_OFFSET && owner >= layout->owner_shim_min)
		return 0;
	return read_pointer(reading, frame + layout->frame_code) & ~(uint64_t)layout->tag_mask;
}

static void read_thread(struct reading *reading, uint64_t thread)
{
	const struct wire_layout *layout = reading->layout;
	uint64_t frame = read_pointer(reading, thread + layout->tstate_frame);

	if (layout->cframe_frame != NO_OFFSET && frame)
		frame = read_pointer(reading, frame + layout->cframe_frame);
	for (int i = 0; frame && i < 2 * MAX_FRAMES && reading->count < reading->max; i++) {
		reading->frames[reading->count++] = (struct python_frame){
			.frame = frame,
			.code = read_code(reading, frame),
			.thread = thread,
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

size_t python_frames_read(pid_t pid, const struct interpreter *interpreter, uint64_t bias,
			  struct python_frame *ret_frames, size_t max)
{
	struct reading reading = {
		.pid = pid,
		.layout = &interpreter->layout,
		.frames = ret_frames,
		.max = max,
	};
	uint64_t next;

	if (!interpreter->layout.interpreters_vaddr)
		return 0;
	next = read_pointer(&reading, interpreter->layout.interpreters_vaddr + bias);
	for (int i = 0; next && i < INTERPRETERS_MAX; i++) {
		read_interpreter(&reading, next);
		next = read_pointer(&reading, next + interpreter->layout.interp_next);
	}
	return reading.count;
}
