/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which code is it? A code object's address is not its name: exec() in a loop makes and frees them
 * at one address, with every pointer inside equal. A site is therefore (image, address, check); the
 * check takes in the strings' own hashes, or co_version, which 3.12 and later give each code object
 * at creation. Reading that for each frame at each event would cost more than the walk. Where the
 * interpreter has a counter that changes whenever a code object is made
 * (wire_layout.generation_vaddr, interp_generation), an unchanged counter proves that no address
 * has got a new owner, and the check kept in `code_cache` still holds; elsewhere all is read.
 */
#ifndef MEMPROBE_SITE_KEY_H
#define MEMPROBE_SITE_KEY_H

#include "path.h"

static __always_inline __u32 read_generation(const struct wire_layout *layout, __u64 bias,
					     __u64 interp)
{
	__u64 address = interp + layout->interp_generation;
	__u32 generation = 0;

	if (layout->generation_vaddr)
		address = layout->generation_vaddr + bias;
	else if (!interp)
		return 0;
	/* 0, also when it cannot be read: every site is looked at anew, and nothing is lost. */
	read_user(&generation, sizeof(generation), address);
	/* Each interpreter counts its own; together with its address no two are alike. */
	if (generation && !layout->generation_vaddr)
		generation += (interp >> 4) * 0x9e3779b97f4a7c15ULL >> 32;
	return generation;
}

static __always_inline __u64 hash_str(const struct wire_layout *layout, struct path *path,
				      __u64 address)
{
	__u64 length, hash;

	/* Length, hash, state: PyASCIIObject 16 to 40, all versions. */
	if (read_user(path->words, 24, address + layout->str_length))
		return 0;
	length = path->words[0];
	hash = path->words[1];
	if ((__s64)hash != -1 || length < 16)
		return hash_pair(length, hash);
	/* Never hashed by the interpreter: file names mostly differ in their last characters. */
	if (read_user(path->words, 16, address + layout->str_ascii_data + length - 16))
		return length;
	return hash_pair(hash_pair(length, path->words[0]), path->words[1]);
}

#define SELF_NAME 0x666c6573 /* "self", and a NUL */

static __always_inline bool is_self(const struct wire_layout *layout, __u64 names, __u32 index)
{
	__u64 word = 0;

	read_user(&word, sizeof(word), names + layout->tuple_items + 8 * index);
	if (!word || read_user(&word, sizeof(word), word + layout->str_ascii_data))
		return false;
	return (word & 0xffffffffff) == SELF_NAME;
}

/* Of the code object whose head was read last. */
static __always_inline __u64 code_u64(const struct path *path, __u32 offset)
{
	return *(const __u64 *)(path->head + (offset & (CODE_HEAD_BYTES - 8)));
}

static __always_inline __u32 code_u32(const struct path *path, __u32 offset)
{
	return *(const __u32 *)(path->head + (offset & (CODE_HEAD_BYTES - 4)));
}

#define KIND_CELL 0x40 /* CO_FAST_CELL, Include/internal/pycore_code.h, 3.11 to 3.15 */
#define SELF_CELLS 4   /* cell variables that are looked through for `self`, <= 3.10 */

/* From 3.11 on a cell stands where the argument did. */
static __always_inline bool is_first_a_cell(const struct wire_layout *layout, __u64 kinds)
{
	__u8 kind = 0;

	return kinds && !read_user(&kind, sizeof(kind), kinds + layout->bytes_data) &&
	       (kind & KIND_CELL);
}

/* Up to 3.10 cells lie behind the local variables; the argument's place is empty. Returns where, of
 * a frame; 0: `self` is in none. */
static __always_inline __u64 find_self_cell(const struct wire_layout *layout,
					    const struct path *path)
{
	__u64 cells = code_u64(path, layout->code_cellvars), count = 0;

	if (!cells || read_user(&count, sizeof(count), cells + layout->bytes_size))
		return 0;
	for (__u32 i = 0; i < SELF_CELLS; i++) {
		if (i < count && is_self(layout, cells, i))
			return layout->frame_locals +
			       8 * ((__u64)code_u32(path, layout->code_nlocals) + i);
	}
	return 0;
}

/* Has the code object whose head was read last a first argument `self`, and where? */
__noinline int find_self(__u32 slot, __u32 scratch)
{
	const struct wire_layout *layout = slot_layout(slot);
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	__u64 names;

	if (!layout || !path || layout->frame_locals == NO_OFFSET)
		return SELF_NONE;
	path->self_at = 0;
	names = code_u64(path, layout->code_varnames);
	if (!code_u32(path, layout->code_argcount) || !names || !is_self(layout, names, 0))
		return SELF_NONE;
	if (layout->version >= 0x030b)
		return is_first_a_cell(layout, code_u64(path, layout->code_kinds)) ? SELF_IN_CELL
										   : SELF_PLAIN;
	path->self_at = find_self_cell(layout, path);
	return path->self_at ? SELF_IN_CELL : SELF_PLAIN;
}

#define TABLE_CHUNK 16	/* bytes; the stack is short of room */
#define TABLE_CHUNKS 16 /* at a time: a long plain loop is one of loops, as walk_plainly */
#define TABLE_STEP (TABLE_CHUNKS * TABLE_CHUNK)

/* Takes whole chunks of a line table into its hash, up to one that cannot be read. */
__noinline __u64 hash_chunks(__u64 table, __u64 hash, __u64 size)
{
	__u64 words[TABLE_CHUNK / 8];

	for (__u32 i = 0; i < TABLE_CHUNKS && size >= TABLE_CHUNK; i++) {
		if (read_user(words, TABLE_CHUNK, table))
			break;
		hash = hash_pair(hash ^ words[0], words[1]);
		table += TABLE_CHUNK;
		size -= TABLE_CHUNK;
	}
	return hash;
}

/*
 * What exec() compiles from two texts can come to one address with one name and one first line;
 * then only the line table tells which lines it has. Read whole, but only with --lines, where
 * co_version is missing, and when the generation has changed.
 */
__noinline __u64 hash_line_table(__u32 slot, __u64 code)
{
	const struct wire_layout *layout = slot_layout(slot);
	__u64 words[TABLE_CHUNK / 8] = {}, table, size, hash;

	if (!layout || read_user(words, 8, code + layout->code_linetable))
		return 0;
	table = words[0];
	if (read_user(words, 8, table + layout->bytes_size))
		return 0;
	size = hash = words[0];
	table += layout->bytes_data;
	for (__u32 i = 0; i < MAX_LINETABLE_BYTES / TABLE_STEP && i < size / TABLE_STEP; i++) {
		hash = hash_chunks(table, hash, TABLE_STEP);
		table += TABLE_STEP;
	}
	hash = hash_chunks(table, hash, size % TABLE_STEP);
	table += size % TABLE_STEP & ~(TABLE_CHUNK - 1ULL);
	words[0] = words[1] = 0;
	read_user(words, size & (TABLE_CHUNK - 1), table);
	return hash_pair(hash ^ words[0], words[1]);
}

/* Reads a code object's head and leaves the key of its site in path->site: its address and what
 * tells it from a successor there. Returns 0, or -1 when it cannot be read. */
__noinline int read_code(__u32 slot, __u32 scratch, __u64 code)
{
	const struct wire_layout *layout = slot_layout(slot);
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	__u64 key, name, filename;
	__u32 bytes;

	if (!layout || !path)
		return -1;
	bytes = layout->code_bytes;
	if (bytes > CODE_HEAD_BYTES)
		bytes = CODE_HEAD_BYTES;
	if (read_user(path->head, bytes, code))
		return -1;
	name = code_u64(path, layout->code_name);
	filename = code_u64(path, layout->code_filename);
	key = hash_pair(code, path->image_id);
	key = hash_pair(key ^ code_u32(path, layout->code_firstlineno), name);
	key = hash_pair(key, filename);
	if (layout->code_version != NO_OFFSET) {
		key = hash_pair(key, code_u32(path, layout->code_version));
	} else {
		key = hash_pair(key, hash_str(layout, path, name));
		key = hash_pair(key, hash_str(layout, path, filename));
	}
	path->site = key;
	return 0;
}

static __always_inline __u32 code_slot(__u64 code)
{
	return (code >> 4 ^ code >> 13) & (CACHE_SLOTS - 1);
}

/* Leaves the key of a code object's site in path->site, with what is known of its first argument,
 * which is asked only when the code is new. The functions called return before the next: there is
 * no stack for more. Returns 0, or -1 when it cannot be read. */
__noinline int read_site(__u32 slot, __u32 scratch, __u64 code)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	struct cached_code *cache = bpf_map_lookup_elem(&code_cache, &scratch), *cached;
	const struct wire_layout *layout = slot_layout(slot);
	__u64 key;

	if (!path || !cache || !layout || read_code(slot, scratch, code))
		return -1;
	cached = &cache[code_slot(code)];
	key = path->site;
	if (cfg_lines && layout->code_version == NO_OFFSET)
		key = hash_pair(key, hash_line_table(slot, code));
	key &= ~(__u64)SELF_MASK;
	if (cached->code != code || (cached->key & ~(__u64)SELF_MASK) != key) {
		cached->key = key | (find_self(slot, scratch) & SELF_MASK);
		cached->code = code;
		cached->self_at = path->self_at;
		cached->image_id = path->image_id;
	}
	cached->generation = path->generation;
	path->site = cached->key;
	return 0;
}

/* The same while a probe sees code objects go (calls.h). */
static __always_inline int site_key_watched(struct walk *walk, __u64 code, __u64 *ret_key)
{
	__u64 name = name_code(walk->path->image_id, code, walk->path->watched);

	if (recall(name, ret_key))
		return 0;
	if (read_site(walk->slot, walk->scratch, code))
		return -1;
	*ret_key = walk->path->site;
	keep(name, *ret_key);
	return 0;
}

static __always_inline int site_key(struct walk *walk, __u64 code, __u64 *ret_key)
{
	struct cached_code *cached = &walk->cache[code_slot(code)];

	if (walk->path->watched)
		return site_key_watched(walk, code, ret_key);
	if (walk->path->generation && cached->code == code &&
	    cached->generation == walk->path->generation &&
	    cached->image_id == walk->path->image_id) {
		*ret_key = cached->key;
		return 0;
	}
	if (read_site(walk->slot, walk->scratch, code))
		return -1;
	*ret_key = walk->path->site;
	return 0;
}

/* The cell of a frame's `self`, 0: not known. */
static __always_inline __u64 read_cell(struct walk *walk, __u64 code, __u64 frame, __u64 argument)
{
	const struct cached_code *cached = &walk->cache[code_slot(code)];
	__u64 cell = 0;

	if (walk->layout->version >= 0x030b)
		return argument;
	if (cached->code == code && cached->self_at)
		read_user(&cell, sizeof(cell), frame + cached->self_at);
	return cell;
}

/* The object that a frame's function runs on; 0: it is no method, or that is not known. */
static __always_inline __u64 find_object(struct walk *walk, const __u8 *head, __u64 frame,
					 __u64 key, __u64 code)
{
	const struct wire_layout *layout = walk->layout;
	__u64 object;

	if (!(key & SELF_MASK))
		return 0;
	object = field_u64(head, layout->frame_locals) & ~(__u64)layout->tag_mask;
	if ((key & SELF_MASK) != SELF_IN_CELL)
		return object;
	object = read_cell(walk, code, frame, object);
	if (!object || read_user(&object, sizeof(object), object + layout->cell_content))
		return 0;
	return object;
}

#endif
