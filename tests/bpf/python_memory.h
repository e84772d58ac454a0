/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CPython as its memory looks from outside, made by hand: what the walker reads of one version,
 * at the offsets of user/target/offset_table.def. Nothing is written but those fields.
 */
#ifndef MEMPROBE_PYTHON_MEMORY_H
#define MEMPROBE_PYTHON_MEMORY_H

#include <memprobe/wire.h>

#include "host/host_kernel.h"

struct python {
	struct wire_layout layout;
	__u64 bias;
	__u64 heap;  /* the next object */
	__u64 stack; /* 3.11 and later: the next frame; before, frames are objects */
	__u64 interp;
	__u32 key;   /* of the thread state's pthread slot */
	__u32 codes; /* made so far: co_version */
	/* Of the thread that runs: its leaf frame, and where the pointer to it lies. */
	__u64 leaf;
	__u64 leaf_pointer;
	__u64 tstate;
	__u16 musl_slots; /* 0: glibc */
};

/* Versions that differ in what the walker does: PY_VERSION_HEX. */
#define PYTHON_3_6 0x030600f0
#define PYTHON_3_8 0x030800f0
#define PYTHON_3_10 0x030a00f0
#define PYTHON_3_11 0x030b00f0
#define PYTHON_3_12 0x030c00f0
#define PYTHON_3_13 0x030d00f0
#define PYTHON_3_14 0x030e00f0
#define PYTHON_3_15 0x030f00f0
/* Without the GIL: the lowest bit of the serial, which tells nothing else. */
#define PYTHON_FREE_THREADED 1
#define PYTHON_3_13T (PYTHON_3_13 | PYTHON_FREE_THREADED)
#define PYTHON_3_14T (PYTHON_3_14 | PYTHON_FREE_THREADED)
#define PYTHON_3_15T (PYTHON_3_15 | PYTHON_FREE_THREADED)

extern const __u32 python_versions[];
extern const size_t python_nr_versions;

/* An interpreter without threads. Its generation is 1. */
void python_make(struct python *python, __u32 version_hex);
void python_set_generation(struct python *python, __u32 generation);
void python_set_finalizing(struct python *python);
void python_delete_key(struct python *python); /* as the runtime's end does; slots stay */

/* Gives a thread its thread state, without a frame; it is the one that runs. */
void python_attach_thread(struct python *python, const struct task_struct *task);
/* What a C frame that evaluates the thread's leaf leaves on its stack, at this address: its CFrame
 * (3.10 to 3.12), or the leaf's own. */
void python_put_cframe(struct python *python, __u64 at);
/* The list of interpreters, newest first, each with one state and the last the main one; another
 * interpreter of the same program has a state of its own. */
void python_list_interpreters(struct python *const interpreters[], int nr);
void python_make_interpreter(struct python *python, __u64 thread);
void python_hold_gil(struct python *python);
/* The pthread key of threads attached from now on. */
void python_set_key(struct python *python, __u32 key);
/* From here on the C library is musl, whose slots lie at an address that a thread has at `at`. The
 * layout knows it, or has to find out. */
void python_set_musl(struct python *python, __u16 at, bool is_known);
/* What a thread has set for a key, and the number that its C library keeps with it. */
void python_put_slot(struct python *python, const struct task_struct *task, __u32 key,
		     __u64 sequence, __u64 value);

__u64 python_str(struct python *python, const char *text);
__u64 python_code(struct python *python, const char *filename, const char *name);
/* The address gets another owner. */
void python_put_code(struct python *python, __u64 code, const char *filename, const char *name);

/* The thread calls code, or returns from it. Returns the new leaf's address. */
__u64 python_call(struct python *python, __u64 code);
/* A frame that is no Python stands between, 3.12 and later; before there is none. */
void python_call_shim(struct python *python);
/* The same at an address: 3.13 and later have it on the C stack of what evaluates. */
void python_call_shim_at(struct python *python, __u64 at);
void python_return(struct python *python);
void python_set_leaf(struct python *python, __u64 frame);

/* A frame anywhere; a generator's, where frames tell that. */
void python_put_frame(struct python *python, __u64 at, __u64 code, __u64 back);
void python_put_generator(struct python *python, __u64 at);
/* Bytes from a frame to the next. */
__u64 python_frame_bytes(const struct python *python);

#endif
