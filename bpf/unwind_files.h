/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * With --native: which files have rows for unwinding (include/memprobe/wire_unwind.h). One that is
 * met for the first time is told to user space, which makes its rows: when a program begins, when a
 * library is loaded, or else when its code is met on a stack. The sooner, the less is not followed.
 */
#ifndef MEMPROBE_UNWIND_FILES_H
#define MEMPROBE_UNWIND_FILES_H

#include <memprobe/wire_unwind.h>

#include "learn.h"
#include "syscalls.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct wire_file);
	__type(value, struct wire_unwind_file);
} unwind_files SEC(".maps");

__u32 unwind_changes; /* how often user space has changed what is in unwind_files */

/* Tells user space of a file, once: whoever puts it into the table first. `knock` has the file. */
static __always_inline void knock_for_file(struct wire_unwind_knock *knock, __u32 slot,
					   struct inode *inode, __u64 address)
{
	const struct wire_unwind_file nothing = {};
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);

	if (!image || bpf_map_update_elem(&unwind_files, &knock->file, &nothing, BPF_NOEXIST))
		return;
	knock->head.type = RECORD_UNWIND;
	knock->head.image_id = image->image_id;
	knock->head.time_ns = bpf_ktime_get_ns();
	knock->slot = slot;
	knock->tgid = image->tgid;
	knock->address = address;
	knock->bytes = BPF_CORE_READ(inode, i_size);
	if (send_once(knock, sizeof(*knock), true))
		bpf_map_delete_elem(&unwind_files, &knock->file);
}

/* A file that a process may run soon shows at an address. */
static __always_inline void expect_file(__u32 slot, struct file *file, __u64 address)
{
	struct inode *inode = file ? user_inode(file) : NULL;
	struct wire_unwind_knock knock = {};

	if (!inode)
		return;
	identify(inode, &knock.file);
	if (!bpf_map_lookup_elem(&unwind_files, &knock.file))
		knock_for_file(&knock, slot, inode, address);
}

/* Of the current process's image; NULL: it is not followed. */
static __always_inline __u32 *current_slot(void)
{
	__u64 mm = (__u64)READ_CURRENT(mm);

	return bpf_map_lookup_elem(&mms, &mm);
}

/* The current process's program, when it has just begun. */
static __noinline int expect_program(void)
{
	__u32 *slot = current_slot();

	if (slot)
		expect_file(*slot, READ_CURRENT(mm, exe_file), READ_CURRENT(mm, start_code));
	return 0;
}

/* A library, when room was found for it. The dynamic loader maps all of it at once, mostly with its
 * first segment's rights, and then relocates it. */
static __noinline int expect_library(__u64 address)
{
	__u32 *slot = current_slot();

	if (slot)
		expect_file(*slot, mapped_file(), address);
	return 0;
}

#endif
