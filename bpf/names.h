/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Copies what user space needs to name a site, at its first sight and while it certainly lives:
 * names, first line, line table. 0.7 us a site. What cannot be read is marked missing; absent
 * pages are not faulted in, user space may try again.
 */
#ifndef MEMPROBE_NAMES_H
#define MEMPROBE_NAMES_H

#include "walk_begin.h"

/* The class of an object: its address, and tp_name as text. */
static __always_inline void read_class(const struct wire_layout *layout, __u64 object,
				       __u64 *ret_type, char *ret_name)
{
	__u64 name = 0;

	read_user(ret_type, sizeof(*ret_type), object + layout->object_type);
	read_user(&name, sizeof(name), *ret_type + layout->type_name);
	bpf_probe_read_user_str(ret_name, MAX_CLASS_BYTES, (void *)name);
}

struct site_buffer {
	struct wire_site site;
	__u8 bytes[MAX_FILENAME_BYTES + MAX_NAME_BYTES + MAX_LINETABLE_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_SCRATCHES);
	__type(key, __u32);
	__type(value, struct site_buffer);
} site_buffers SEC(".maps");

/* Where a str's characters are. Returns their number, or NO_OFFSET: it is not ready, or absent. */
static __always_inline __u64 find_characters(const struct wire_layout *layout, __u64 address,
					     struct wire_str *str, __u64 *ret_data)
{
	__u64 length = 0, data = address + layout->str_compact_data;
	__u32 state = 0;

	if (!address || read_user(&length, sizeof(length), address + layout->str_length) ||
	    read_user(&state, sizeof(state), address + layout->str_state))
		return NO_OFFSET;
	str->kind = (state & layout->str_kind_mask) >> (layout->str_kind_shift & 31);
	str->ascii = !!(state & layout->str_ascii_mask);
	if (str->ascii)
		data = address + layout->str_ascii_data;
	if (!(state & layout->str_compact_mask) &&
	    read_user(&data, sizeof(data), address + layout->str_legacy_data))
		return NO_OFFSET;
	*ret_data = data;
	return length;
}

/* CPython has strs of 1, 2 and 4 bytes a character (Include/cpython/unicodeobject.h); the field has
 * room for 0 to 7. */
static __always_inline bool is_kind(__u8 kind)
{
	return 0x16 >> (kind & 7) & 1;
}

/* Copies a str, the name or the filename, to the buffer's bytes + at (at <= MAX_FILENAME_BYTES).
 * Returns the bytes copied. */
__noinline __u32 copy_str(__u32 slot, __u32 scratch, __u64 address, __u32 at, __u32 is_name)
{
	struct site_buffer *buffer = bpf_map_lookup_elem(&site_buffers, &scratch);
	const struct wire_layout *layout = slot_layout(slot);
	__u64 data = 0, length, bytes;
	struct wire_str *ret;

	if (!buffer || !layout)
		return 0;
	ret = is_name ? &buffer->site.name : &buffer->site.filename;
	ret->missing = 1;
	length = find_characters(layout, address, ret, &data);
	if (length == NO_OFFSET || !is_kind(ret->kind))
		return 0;
	ret->truncated = length > MAX_NAME_BYTES || length * ret->kind > MAX_NAME_BYTES;
	bytes = ret->truncated ? MAX_NAME_BYTES : length * ret->kind;
	BOUND(bytes, MAX_NAME_BYTES);
	BOUND(at, MAX_FILENAME_BYTES);
	if (read_user(buffer->bytes + at, bytes, data))
		return 0;
	ret->missing = 0;
	ret->bytes = bytes;
	return bytes;
}
_Static_assert(MAX_FILENAME_BYTES == MAX_NAME_BYTES, "copy_str copies both");

static __always_inline __u32 copy_linetable(const struct wire_layout *layout, __u64 address,
					    struct site_buffer *buffer, __u32 at)
{
	struct wire_site *site = &buffer->site;
	__u64 bytes = 0;

	site->linetable_missing = 1;
	if (!address || read_user(&bytes, sizeof(bytes), address + layout->bytes_size))
		return 0;
	site->linetable_truncated = bytes > MAX_LINETABLE_BYTES;
	BOUND(bytes, MAX_LINETABLE_BYTES);
	BOUND(at, MAX_FILENAME_BYTES + MAX_NAME_BYTES);
	if (read_user(buffer->bytes + at, bytes, address + layout->bytes_data))
		return 0;
	site->linetable_missing = 0;
	site->linetable_bytes = bytes;
	return bytes;
}

/* 0 when it cannot be read. */
static __always_inline __u64 read_pointer(__u64 address)
{
	__u64 value = 0;

	read_user(&value, sizeof(value), address);
	return value;
}

/* Real ids, of the first user namespace. */
static __always_inline void note_user(struct wire_site *site)
{
	__u64 ids = bpf_get_current_uid_gid();

	site->uid = (__u32)ids;
	site->gid = ids >> 32;
}

/* As statx() tells both of /proc/PID/root. */
static __always_inline void note_root(struct wire_site *site)
{
	struct fs_struct *fs = READ_CURRENT(fs);
	char *mount = (char *)BPF_CORE_READ(fs, root.mnt);

	mount -= bpf_core_field_offset(struct mount, mnt);
	site->root_mount = (__u32)BPF_CORE_READ((struct mount *)mount, mnt_id);
	site->root_inode = BPF_CORE_READ(fs, root.dentry, d_inode, i_ino);
}

static __always_inline struct site_buffer *begin_site(struct wire_image *image, __u64 key,
						      __u32 kind, __u32 scratch)
{
	struct site_buffer *buffer = bpf_map_lookup_elem(&site_buffers, &scratch);

	if (!buffer)
		return NULL;
	__builtin_memset(&buffer->site, 0, sizeof(buffer->site));
	buffer->site.head.type = RECORD_SITE;
	buffer->site.head.image_id = image->image_id;
	buffer->site.head.time_ns = bpf_ktime_get_ns();
	buffer->site.site = key;
	buffer->site.kind = kind;
	buffer->site.tgid = image->tgid;
	return buffer;
}

static __always_inline long send_site(struct site_buffer *buffer, __u64 bytes)
{
	BOUND(bytes, MAX_FILENAME_BYTES + MAX_NAME_BYTES + MAX_LINETABLE_BYTES);
	return send(buffer, sizeof(buffer->site) + bytes, false);
}

/* Sends the site of a code object. */
__noinline int send_python_site(__u32 slot, __u64 key, __u64 code, __u32 scratch)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	const struct wire_layout *layout = slot_layout(slot);
	struct site_buffer *buffer;
	__u32 at, name;

	if (!image || !layout)
		return -1;
	buffer = begin_site(image, key, SITE_PYTHON, scratch);
	if (!buffer)
		return -1;
	buffer->site.code = code;
	buffer->site.version = layout->version;
	note_user(&buffer->site);
	note_root(&buffer->site);
	read_user(&buffer->site.firstlineno, 4, code + layout->code_firstlineno);
	read_user(&buffer->site.code_flags, 4, code + layout->code_flags);
	name = layout->code_qualname != NO_OFFSET ? layout->code_qualname : layout->code_name;
	at = copy_str(slot, scratch, read_pointer(code + layout->code_filename), 0, false);
	at += copy_str(slot, scratch, read_pointer(code + name), at, true);
	if (cfg_lines)
		at += copy_linetable(layout, read_pointer(code + layout->code_linetable), buffer,
				     at);
	return send_site(buffer, at);
}

/* Marks what stands in path.codes for a function of C; no address has it. */
#define C_FUNCTION (1ULL << 63)

/* Sends the site of a function that is no Python: its file's number and where it begins there. */
static __noinline int send_c_site(__u32 slot, __u64 key, __u64 code, __u32 scratch)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct site_buffer *buffer = image ? begin_site(image, key, SITE_C, scratch) : NULL;

	if (!buffer)
		return -1;
	buffer->site.code = code & ~C_FUNCTION;
	return send_site(buffer, 0);
}

/* Sends a site that is no Python code; the comm names a native thread. `kind` has the scratch
 * above its low 8 bits, because five arguments are the most. */
__noinline int send_special_site(__u32 slot, __u64 key, __u32 kind, __u64 comm_low, __u64 comm_high)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct site_buffer *buffer;

	if (!image)
		return -1;
	buffer = begin_site(image, key, kind & 0xff, kind >> 8);
	if (!buffer)
		return -1;
	((__u64 *)buffer->bytes)[0] = comm_low;
	((__u64 *)buffer->bytes)[1] = comm_high;
	buffer->site.name.bytes = COMM_BYTES;
	buffer->site.name.kind = 1;
	if (send_site(buffer, COMM_BYTES))
		return -1;
	if ((kind & 0xff) == SITE_NATIVE)
		__sync_fetch_and_add(&image->natives, 1);
	return 0;
}

#endif
