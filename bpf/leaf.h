/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The frame that a hit is about, where no argument of the probed function is it: the thread's
 * current one.
 *
 * 3.11 and 3.12 keep it in tstate->cframe, a local variable of _PyEval_EvalFrameDefault, which the
 * probes are in. So at each of them it lies at a distance of its own from the stack pointer, and
 * the compiler may hold a copy of the frame in a register there. Both are learned: the distance
 * from the thread state at a first hit; a register when it has held the frame, another one each
 * time, for LEAF_SIGHTINGS hits. That saves two reads and then the third, 75 ns each.
 */
#ifndef MEMPROBE_LEAF_H
#define MEMPROBE_LEAF_H

#include "quick.h"

#define LEAF_SIGHTINGS 32

/* What is known of one probe; a shadow's key. */
union leaf_place {
	struct {
		__u32 distance; /* of cframe from the stack pointer */
		__u16 last;	/* of the last frame's address */
		__u8 sightings;
		__u8 registers; /* bits: they have held the frame each time */
	};
	__u64 key;
};

#define LEAF_REGISTERS 0x3f

/* On a stack of its own: what a hit holds there and what count_quickly does is near the limit. */
static __noinline __u8 find_registers(const struct pt_regs *registers, __u64 frame)
{
	return (registers->VARIABLE1 == frame) | (registers->VARIABLE2 == frame) << 1 |
	       (registers->VARIABLE3 == frame) << 2 | (registers->VARIABLE4 == frame) << 3 |
	       (registers->VARIABLE5 == frame) << 4 | (registers->VARIABLE6 == frame) << 5;
}

/* The lowest of `which`. Without branches: the compiler would make one load of them, from an
 * address that it works out, which the verifier does not allow. */
static __always_inline __u64 read_register(const struct pt_regs *registers, __u64 which)
{
	which &= -which;
	return (registers->VARIABLE1 & -(which & 1)) | (registers->VARIABLE2 & -(which >> 1 & 1)) |
	       (registers->VARIABLE3 & -(which >> 2 & 1)) |
	       (registers->VARIABLE4 & -(which >> 3 & 1)) |
	       (registers->VARIABLE5 & -(which >> 4 & 1)) |
	       (registers->VARIABLE6 & -(which >> 5 & 1));
}

static __always_inline __u64 name_place(const struct call *call, const struct pt_regs *registers)
{
	return name_frame(call->python->image_id, registers->IP, 1);
}

static __always_inline void learn_registers(const struct call *call, union leaf_place *place,
					    const struct pt_regs *registers)
{
	__u16 last = call->frame >> 3;

	place->registers &= find_registers(registers, call->frame);
	if (!place->registers || place->last == last)
		return;
	place->last = last;
	place->sightings++;
}

static __always_inline bool find_leaf_by_place(struct call *call, const struct pt_regs *registers)
{
	union leaf_place place;

	if (!recall(name_place(call, registers), &place.key))
		return false;
	if (place.sightings >= LEAF_SIGHTINGS) {
		call->frame = read_register(registers, place.registers);
		return true;
	}
	if (read_user(&call->frame, sizeof(call->frame),
		      registers->sp + place.distance + call->layout->cframe_frame) ||
	    !call->frame)
		return false;
	if (place.registers) {
		learn_registers(call, &place, registers);
		keep(name_place(call, registers), place.key);
	}
	return true;
}

static __always_inline void learn_place(const struct call *call, const struct pt_regs *registers,
					__u64 cframe)
{
	union leaf_place place = {
		.distance = cframe - registers->sp,
		.registers = LEAF_REGISTERS,
	};

	if (cframe - registers->sp == place.distance)
		keep(name_place(call, registers), place.key);
}

/* By the thread state. */
static __always_inline bool find_leaf_by_state(struct call *call, struct wire_image *image,
					       const struct pt_regs *registers)
{
	const struct wire_layout *layout = call->layout;

	call->tstate = find_thread_state(image, layout, call->python->bias);
	if (!call->tstate ||
	    read_user(&call->frame, sizeof(call->frame), call->tstate + layout->tstate_frame))
		return false;
	if (layout->cframe_frame == NO_OFFSET)
		return call->frame != 0;
	learn_place(call, registers, call->frame);
	if (read_user(&call->frame, sizeof(call->frame), call->frame + layout->cframe_frame))
		return false;
	return call->frame != 0;
}

/* Finds the current thread's frame. Returns false when it has none. */
static __always_inline bool find_leaf(struct call *call, struct wire_image *image,
				      const struct pt_regs *registers)
{
	const struct wire_layout *layout = call->layout;

	if (layout->cframe_frame != NO_OFFSET && find_leaf_by_place(call, registers))
		return true;
	/* The slot may be another interpreter's (thread_state.h): no call is counted then. */
	if (layout->version < 0x030c && (image->flags & IMAGE_SUBINTERPRETERS))
		return false;
	if (find_leaf_by_state(call, image, registers))
		return true;
	forget_thread_key(image);
	return false;
}

#endif
