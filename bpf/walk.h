/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which Python path is the current thread running? Walks the interpreter's own frame chain.
 *
 * Chain. Thread state (thread_state.h) -> (cframe, 3.11 and 3.12) -> leaf frame -> previous ...
 * Frames whose owner says interpreter or C stack are shims and no Python. From 3.11 on the frames
 * of a thread lie one above the other in a chunk: the page below the leaf is read at once and the
 * chain followed inside it; what lies elsewhere (generators, older interpreters) is read frame by
 * frame.
 *
 * Identity. A code object's address is not its name: exec() in a loop makes and frees them at
 * one address, with every pointer inside equal. A site is therefore (image, address, check);
 * the check takes in the strings' own hashes, or co_version, which 3.12 and later give each code
 * object at creation. Reading that for each frame at each event would cost more than the walk.
 * Where the interpreter has a counter that changes whenever a code object is made
 * (wire_layout.generation_vaddr, interp_generation), an unchanged counter proves that no address
 * has got a new owner, and the check kept in `code_cache` still holds; elsewhere all is read.
 *
 * Equality of a path with the last one is never assumed: two callers of one function can have
 * identical leaf frames (docs/design.md), so every frame of every event is walked.
 */
#ifndef MEMPROBE_WALK_H
#define MEMPROBE_WALK_H

#include "node_ids.h"
#include "shadow.h"
#include "thread_state.h"
#include <memprobe/wire_comm.h>
#include <memprobe/wire_hash.h>

#define BLOCK_BYTES 4096
#define CACHE_SLOTS 512

struct cached_code {
	__u64 code;
	__u64 key;     /* of the site */
	__u64 self_at; /* of a frame, <= 3.10: the cell of `self` */
	__u32 generation;
	__u32 image_id;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_SCRATCHES);
	__type(key, __u32);
	__type(value, struct cached_code[CACHE_SLOTS]);
} code_cache SEC(".maps");

enum walk_end {
	WALK_GOING,
	WALK_ROOT,
	WALK_TOO_DEEP,
	WALK_UNREADABLE,
	WALK_KNOWN,
	WALK_NO_THREAD, /* it has not begun: the thread's state could not be read */
	WALK_NOT_OURS,	/* it has not begun: the thread's state is not believed */
};

/* The path found, leaf first, and what changes on the way. All of it lies in a map, not on the
 * stack: what the verifier knows of a number on the stack differs in every iteration of a loop,
 * and it would never see two equal ones. */
struct path {
	__u64 frame;		      /* to be walked next */
	__u64 block_begin, block_end; /* addresses that `block` holds */
	__u64 key;		      /* of the path so far, as if its last frame were the root */
	__u64 factor;		      /* PATH_FACTOR to the power of depth */
	__u32 depth;
	__u32 end;	  /* enum walk_end */
	__u32 generation; /* 0: none, always check */
	__u32 image_id;
	__u32 was_elsewhere; /* the last frame was no part of a block */
	__u32 by_shadow; /* the walk may end at a frame whose path is known (shadow.h) and laid */
	__u64 above;	 /* key of the known path that the walk ended at, 0: none; it has a node */
	__u64 node;	 /* laying down: key of the deepest ancestor that has a node, 0: none */
	struct node_id node_id; /* of it */
	__u64 next; /* laying down: key of the frame below it; not on the stack, which is short */
	struct node_id above_id;
	__u32 remaining;  /* laying down: frames without a node yet */
	__u32 failed;	  /* laying down: LOSS_* + 1 */
	__u32 begins;	  /* the leaf has just begun or ended: it stands on its first line */
	__u32 keep_leaf;  /* filling the shadow, where `node` is the key of the frame's path */
	__u32 is_checked; /* filling the shadow: as wire_layout.has_unseen_frames */
	__u64 keys[MAX_FRAMES + 1];
	__u64 codes[MAX_FRAMES + 1];
	__u64 frames[MAX_FRAMES + 1]; /* 0: has no slot in the shadow */
	__u64 objects_key;	      /* of all of them, 0: none */
	__u64 site;		      /* key of the code looked at last */
	__u64 self_at;		      /* of it, as in cached_code */
	__u8 block[BLOCK_BYTES +
		   FRAME_HEAD_BYTES]; /* a page of frames, and room for a single one */
	__u8 head[CODE_HEAD_BYTES];
	__u64 words[4];		    /* read last; the stack is short of room */
	struct comm_fold fold;	    /* of a name */
	struct known_thread thread; /* outlives the walk */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_SCRATCHES);
	__type(key, __u32);
	__type(value, struct path);
} paths SEC(".maps");

/* More of each frame; a value of its own, because one for each CPU may have 32 KiB. */
struct path_parts {
	__u64 objects[MAX_FRAMES + 1]; /* 0: no method, or not readable */
	__u64 wholes[MAX_FRAMES + 1];  /* keys of the sites that `keys` are parts of, when split */
	__u8 has_others[MAX_FRAMES +
			8];	   /* 1: the part stands for the objects beyond MAX_INSTANCES */
	__u32 ats[MAX_FRAMES + 1]; /* as wire_split.at */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_SCRATCHES);
	__type(key, __u32);
	__type(value, struct path_parts);
} path_parts SEC(".maps");

/* Where a walk's data lie. */
struct walk {
	const struct wire_layout *layout;
	struct path *path;
	struct path_parts *parts;
	struct cached_code *cache;
	__u32 slot;
	__u32 scratch;
};

static __always_inline __u32 frame_head_bytes(const struct wire_layout *layout)
{
	__u32 bytes = layout->frame_bytes;

	return bytes > FRAME_HEAD_BYTES ? FRAME_HEAD_BYTES : bytes;
}

/* Makes `path->block` hold the page part up to and including `frame`. */
static __always_inline long read_block(struct path *path, __u32 bytes)
{
	__u32 below = path->frame & (BLOCK_BYTES - 1);

	BOUND(bytes, FRAME_HEAD_BYTES);
	path->block_begin = path->frame - below;
	path->block_end = path->block_begin; /* nothing, should the read fail */
	if (read_user(path->block, below + bytes, path->block_begin))
		return -1;
	path->block_end = path->frame + bytes;
	return 0;
}

/* Is the frame in a chunk with its callers below it? The leaf mostly is; the page below the block
 * is the same chunk's; and after a frame that was elsewhere (a generator's) the chunk goes on. */
static __always_inline bool is_block_likely(const struct path *path)
{
	if (path->by_shadow && path->depth < SHADOW_STEPS)
		return false;
	return !path->depth || path->was_elsewhere ||
	       path->block_begin - path->frame <= BLOCK_BYTES;
}

/* Reads the head of path->frame, and what lies below it where that helps. Returns where it lies in
 * path->block, or -1. */
__noinline int read_frame(__u32 slot, __u32 scratch)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	const struct wire_layout *layout = slot_layout(slot);
	__u32 bytes;

	if (!path || !layout)
		return -1;
	bytes = frame_head_bytes(layout);
	if (layout->version >= 0x030b && is_block_likely(path) && !read_block(path, bytes)) {
		path->was_elsewhere = 0;
		return path->frame - path->block_begin;
	}
	/* A frame elsewhere: one read, behind the block. An absent page fails a block as a whole.
	 */
	BOUND(bytes, FRAME_HEAD_BYTES);
	if (read_user(path->block + BLOCK_BYTES, bytes, path->frame))
		return -1;
	if (path->block_end > path->block_begin + BLOCK_BYTES)
		path->block_end = path->block_begin + BLOCK_BYTES;
	path->was_elsewhere = 1;
	return BLOCK_BYTES;
}

/* Returns where the head of walk->path->frame lies in walk->path->block, or -1. */
static __always_inline long locate_frame(struct walk *walk)
{
	const struct path *path = walk->path;

	if (path->frame >= path->block_begin &&
	    path->frame + frame_head_bytes(walk->layout) <= path->block_end)
		return path->frame - path->block_begin;
	return read_frame(walk->slot, walk->scratch);
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

/* Does a frame's instruction or object make another site of it? */
static __always_inline bool is_split(void)
{
	return cfg_lines || cfg_instances;
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

#define TABLE_CHUNK 16 /* bytes; the stack is short of room */

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
	for (__u32 i = 0; i < MAX_LINETABLE_BYTES / TABLE_CHUNK && size >= TABLE_CHUNK; i++) {
		if (read_user(words, TABLE_CHUNK, table))
			return hash;
		hash = hash_pair(hash ^ words[0], words[1]);
		table += TABLE_CHUNK;
		size -= TABLE_CHUNK;
	}
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
	__u64 name = name_code(walk->path->image_id, code, CODE_WATCHED);

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

	if (walk->path->by_shadow && walk->layout->code_watched)
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

static __always_inline void push_site(struct walk *walk, __u64 key, __u64 code, __u64 frame,
				      __u64 object)
{
	__u32 depth = walk->path->depth;

	if (depth > MAX_FRAMES)
		return;
	walk->path->keys[depth] = key;
	walk->path->codes[depth] = code;
	walk->path->frames[depth] = frame;
	walk->parts->objects[depth] = object;
	if (object)
		walk->path->objects_key = walk->path->objects_key * PATH_FACTOR + object + depth;
	walk->path->key += key * walk->path->factor;
	walk->path->factor *= PATH_FACTOR;
	walk->path->depth = depth + 1;
}

/* The owner of a frame stands at 69 to 78 in all versions that have one. */
static __always_inline __u8 frame_owner(const struct wire_layout *layout, const __u8 *head)
{
	return head[64 | (layout->frame_owner & 15)];
}

static __always_inline bool is_shim(const struct wire_layout *layout, const __u8 *head)
{
	return layout->owner_shim_min != NO_OFFSET &&
	       frame_owner(layout, head) >= layout->owner_shim_min;
}

/* May a frame have a slot in the shadow? */
static __always_inline bool is_shadowed(const struct wire_layout *layout, const __u8 *head)
{
	return layout->frame_owner == NO_OFFSET || frame_owner(layout, head) == OWNER_THREAD;
}

static __always_inline __u32 frame_at(const struct wire_layout *layout, const __u8 *head,
				      __u64 code)
{
	__u64 instruction = field_u64(head, layout->frame_instr);

	if (layout->version < 0x030b)
		return (__u32)instruction + 1;
	return instruction - code - layout->code_adaptive + 1;
}

/* How many objects a site has been split by. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DEFAULT_MAX_SITES); /* 1 without --instances: set by loader */
	__type(key, __u64);
	__type(value, struct wire_instances);
} instances SEC(".maps");

static __always_inline __u64 part_key(__u64 whole, __u64 object, __u32 at)
{
	return (hash_pair(hash_pair(whole, object), at) & ~(__u64)SELF_MASK) | (whole & SELF_MASK);
}

/* What tells an object: its address, and its class, should the address be another's later. */
static __always_inline __u64 name_instance(const struct wire_layout *layout, __u64 object)
{
	__u64 type = 0;

	read_user(&type, sizeof(type), object + layout->object_type);
	return hash_pair(object, type);
}

/* Has this instance of a site come before, or is there room for it? */
static __always_inline bool is_instance_kept(__u64 whole, __u64 instance, __u32 image_id)
{
	__u64 key = part_key(whole, instance, 0);
	struct wire_instances *known, one = { .image_id = image_id, .count = 1 };

	if (bpf_map_lookup_elem(&instances, &key))
		return true;
	known = bpf_map_lookup_elem(&instances, &whole);
	if ((known && known->count >= MAX_INSTANCES) ||
	    bpf_map_update_elem(&instances, &key, &one, BPF_ANY))
		return false;
	if (known)
		__sync_fetch_and_add(&known->count, 1);
	else
		bpf_map_update_elem(&instances, &whole, &one, BPF_NOEXIST);
	return true;
}

/* The instance that a site is split for: itself as long as there is room. */
static __always_inline __u64 choose_instance(__u64 whole, __u64 instance, __u32 image_id)
{
	return is_instance_kept(whole, instance, image_id) ? instance : OTHER_OBJECTS;
}

/* The key of the part of a site that a frame is at. */
static __always_inline __u64 split_site(struct walk *walk, const __u8 *head, __u64 code, __u64 key,
					__u64 object)
{
	__u32 depth = walk->path->depth, at = 0;
	__u64 instance;

	if (cfg_lines && (depth || !walk->path->begins))
		at = frame_at(walk->layout, head, code);
	if (depth > MAX_FRAMES)
		return key;
	walk->parts->wholes[depth] = key;
	walk->parts->ats[depth] = at;
	if (!cfg_instances || !object)
		instance = 0;
	else
		instance = choose_instance(key, name_instance(walk->layout, object),
					   walk->path->image_id);
	walk->parts->has_others[depth] = instance == OTHER_OBJECTS;
	return part_key(key, instance, at);
}

/* Has the path that the shadow knows a node? */
static __always_inline bool find_above(struct path *path, __u64 key)
{
	union node_place place = { .key = key };

	if (!find_node(&place))
		return false;
	path->above_id = place.id;
	return true;
}

/* One frame. Returns 1 when the walk is over. */
static __always_inline long walk_frame(struct walk *walk)
{
	const struct wire_layout *layout = walk->layout;
	__u64 code, key, object, frame = walk->path->frame;
	const __u8 *head;
	long at;

	if (!frame) {
		walk->path->end = WALK_ROOT;
		return 1;
	}
	if (walk->path->by_shadow && walk->path->depth && !layout->has_unseen_frames &&
	    recall(name_frame(walk->path->image_id, frame, 0), &key) &&
	    find_above(walk->path, key)) {
		walk->path->key += key * walk->path->factor;
		walk->path->above = key;
		walk->path->end = WALK_KNOWN;
		return 1;
	}
	at = locate_frame(walk);
	if (at < 0 || at > BLOCK_BYTES) {
		walk->path->end = WALK_UNREADABLE;
		return 1;
	}
	head = walk->path->block + at;
	walk->path->frame = field_u64(head, layout->frame_back);
	if (is_shim(layout, head))
		return 0;
	code = field_u64(head, layout->frame_code) & ~(__u64)layout->tag_mask;
	if (walk->path->depth >= MAX_FRAMES) {
		walk->path->end = WALK_TOO_DEEP;
		return 1;
	}
	if (site_key(walk, code, &key)) {
		walk->path->end = WALK_UNREADABLE;
		return 1;
	}
	object = find_object(walk, head, frame, key, code);
	if (is_split())
		key = split_site(walk, head, code, key, object);
	push_site(walk, key, code, is_shadowed(layout, head) ? frame : 0, object);
	return 0;
}

static long walk_frame_callback(__u32 index, void *walk)
{
	return callback_result(walk_frame(walk));
}

/* One frame, for kernels where the walk is a plain loop. */
__noinline int walk_step(__u32 slot, __u32 scratch)
{
	struct walk walk = {
		.layout = slot_layout(slot),
		.path = bpf_map_lookup_elem(&paths, &scratch),
		.parts = bpf_map_lookup_elem(&path_parts, &scratch),
		.cache = bpf_map_lookup_elem(&code_cache, &scratch),
		.slot = slot,
		.scratch = scratch,
	};

	if (!walk.layout || !walk.path || !walk.parts || !walk.cache)
		return 1;
	return walk_frame(&walk);
}

#define WALK_STEPS (2 * MAX_FRAMES) /* frames, and shims between them */

static __always_inline int walk_steps(__u32 slot, __u32 scratch)
{
	for (__u32 i = 0; i < WALK_STEPS; i++) {
		if (walk_step(slot, scratch))
			break;
	}
	return 0;
}

/* A plain loop is verified anew for each state in which it is come to, unless it is a global
 * function's: then once. */
__noinline int walk_plainly(__u32 slot, __u32 scratch)
{
	return walk_steps(slot, scratch);
}

/* How a walk goes on from frame to frame. WALK_PLAINLY_HERE is for a function that is global itself
 * and has no stack left for one more call. */
enum walk_loop { WALK_BY_HELPER, WALK_PLAINLY, WALK_PLAINLY_HERE };

static __always_inline void walk_frames(struct walk *walk, __u32 slot, __u32 scratch,
					enum walk_loop loop)
{
	walk->slot = slot;
	walk->scratch = scratch;
	if (loop == WALK_PLAINLY_HERE)
		walk_steps(slot, scratch);
	else if (loop == WALK_PLAINLY)
		walk_plainly(slot, scratch);
	else
		bpf_loop(WALK_STEPS, walk_frame_callback, walk, 0);
	if (walk->path->end == WALK_GOING)
		walk->path->end = WALK_TOO_DEEP;
}

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

static __always_inline void reset_path(struct path *path, __u64 frame)
{
	path->frame = frame;
	path->block_begin = path->block_end = 0;
	path->was_elsewhere = 0;
	path->key = 0;
	path->objects_key = 0;
	path->begins = 0;
	path->above = 0;
	path->above_id.value = 0;
	path->factor = 1;
	path->depth = 0;
	path->end = WALK_GOING;
	path->by_shadow = 0;
}

static __always_inline bool find_scratch(struct walk *walk, __u32 scratch)
{
	walk->path = bpf_map_lookup_elem(&paths, &scratch);
	walk->parts = bpf_map_lookup_elem(&path_parts, &scratch);
	walk->cache = bpf_map_lookup_elem(&code_cache, &scratch);
	return walk->path && walk->parts && walk->cache;
}

/* Prepares a walk from a frame on. Returns 0 without scratch memory. */
static __always_inline int walk_prepare(struct walk *walk, const struct wire_layout *layout,
					__u32 image_id, __u32 scratch)
{
	if (!find_scratch(walk, scratch))
		return 0;
	walk->layout = layout;
	reset_path(walk->path, 0);
	walk->path->image_id = image_id;
	return 1;
}

/* The walk's start when what is kept does not lead to a frame. Leaves the leaf in a prepared path
 * and keeps a state that is believed. Returns enum thread_found. */
__noinline int find_leaf_frame(__u32 slot, __u32 scratch, __u32 kept)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	const struct wire_layout *layout = slot_layout(slot);
	struct thread_slot thread = {};
	struct thread_head head;
	int found = THREAD_NONE;
	bool is_other = false;

	if (!image || !python || !path || !layout)
		return THREAD_NONE;
	if (image->flags & IMAGE_SUBINTERPRETERS)
		found = find_in_subinterpreter(layout, slot, python->bias, &thread.tstate);
	is_other = found == THREAD_RUNS;
	if (found == THREAD_NONE)
		found = find_slot(image, slot, layout, python->bias, kept, &thread);
	if (found != THREAD_RUNS)
		return found;
	if (!(image->flags & IMAGE_RUNTIME_SEEN))
		image->flags |= IMAGE_RUNTIME_SEEN;
	if (read_thread_head(layout, path->head, thread.tstate, &head))
		return THREAD_UNREADABLE;
	if (!is_other)
		know(&path->thread, image->image_id, &thread);
	path->frame = head.frame;
	path->generation = read_generation(layout, python->bias, head.interp);
	return head.frame ? THREAD_RUNS : THREAD_IDLE;
}

/* A state that is this thread's own may be a former one, left in the slot of a key that is no more
 * Python's: one event of so many proves everything anew. A power of two. */
#define KEY_LOOK 256

/* Starts with what is kept. THREAD_UNCLEAR: there is more to ask. */
static __always_inline enum thread_found find_known_leaf(struct path *path,
							 const struct wire_image *image,
							 const struct wire_layout *layout,
							 __u64 bias)
{
	struct thread_slot thread;
	struct thread_head head;

	if (!(image->looks & (KEY_LOOK - 1)) || read_slot(image, layout, bias, &thread))
		return THREAD_UNCLEAR;
	if (!thread.tstate)
		return THREAD_NONE;
	if (!is_known(&path->thread, image->image_id, &thread) ||
	    read_thread_head(layout, path->head, thread.tstate, &head))
		return THREAD_UNCLEAR;
	if (!head.frame)
		return THREAD_IDLE;
	path->frame = head.frame;
	path->generation = read_generation(layout, bias, head.interp);
	return THREAD_RUNS;
}

/* What begin_walk returns. */
enum walk_begun {
	WALK_BEGUN,    /* at a frame; or it has ended at once, because nothing is known */
	WALK_NO_FRAME, /* the thread runs no Python */
};

/* The layout of an image's interpreter, when that is known. */
static __always_inline const struct wire_layout *known_layout(const struct wire_python *python,
							      __u32 image_id)
{
	__u32 index = python->layout;

	if (python->state != PYTHON_KNOWN || python->image_id != image_id)
		return NULL;
	return bpf_map_lookup_elem(&layouts, &index);
}

/* Sets the scratch's path to the current thread's leaf frame; the thread is one of the image's. */
__noinline int begin_walk(__u32 slot, __u32 scratch)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	const struct wire_layout *layout;
	int found = THREAD_UNCLEAR;

	if (!image || !python || !path)
		return WALK_NO_FRAME;
	layout = known_layout(python, image->image_id);
	if (!layout)
		return WALK_NO_FRAME;
	reset_path(path, 0);
	path->image_id = image->image_id;
	image->looks++;
	if (!has_subinterpreters(image, layout, python->bias))
		found = find_known_leaf(path, image, layout, python->bias);
	if (found == THREAD_RUNS)
		return WALK_BEGUN;
	found = find_leaf_frame(slot, scratch, found);
	if (found == THREAD_UNREADABLE)
		path->end = WALK_NO_THREAD;
	if (found == THREAD_UNCLEAR)
		path->end = WALK_NOT_OURS;
	return found == THREAD_NONE || found == THREAD_IDLE ? WALK_NO_FRAME : WALK_BEGUN;
}

/* Finds the data of a walk that has begun. Returns the layout of its interpreter; NULL: there is
 * none. */
static __always_inline const struct wire_layout *find_walk(struct walk *walk, __u32 slot,
							   __u32 scratch)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);

	if (!image || !python || !find_scratch(walk, scratch))
		return NULL;
	walk->slot = slot;
	walk->scratch = scratch;
	return walk->layout = known_layout(python, image->image_id);
}

#endif
