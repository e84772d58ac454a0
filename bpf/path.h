/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A path as a walk finds it, and where a walk's data lie. */
#ifndef MEMPROBE_PATH_H
#define MEMPROBE_PATH_H

#include "shadow.h"
#include "thread_state.h"
#include <memprobe/wire_comm.h>
#include <memprobe/wire_hash.h>

#define BLOCK_BYTES 4096
#define CACHE_SLOTS 512

struct cached_code {
	__u64 code;
	__u64 key; /* of the site */
	__u64 generation;
	__u32 self_at; /* of a frame, <= 3.10: the cell of `self` */
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

/* What a frame works on that has taken it out of a queue (submitters.h). */
struct work {
	__u64 code;    /* of the frame; 0: there is no such frame */
	__u64 path;    /* key of the path that had put it there */
	__u64 taker;   /* start of the thread whose frame it is, 0: a coroutine's, which any resumes
			*/
	__u32 hops;    /* from submitter to submitter, to a path that is nobody's work */
	__u32 is_task; /* the frame is that of a task's coroutine */
	__u32 putter;  /* tid of who had put it there, and of the first of those submitters */
	__u32 first;
	__u32 takes; /* one more than lost_takes then (submitters.h); 0: a task's, that took nothing
		      */
	__u32 pad;
};

/* The path found, leaf first, and what changes on the way. All of it lies in a map, not on the
 * stack: what the verifier knows of a number on the stack differs in every iteration of a loop,
 * and it would never see two equal ones. */
struct path {
	__u64 frame;		      /* to be walked next */
	__u64 block_begin, block_end; /* addresses that `block` holds */
	__u64 key;		      /* of the path so far, as if its last frame were the root */
	__u64 factor;		      /* PATH_FACTOR to the power of depth */
	__u64 generation;	      /* 0: none, always check */
	__u32 depth;
	__u32 end; /* enum walk_end */
	__u32 image_id;
	__u32 was_elsewhere; /* the last frame was no part of a block */
	__u32 watched;	 /* which name of code objects holds (CODE_WATCHED), 0: the generation tells
			  */
	__u32 by_shadow; /* the walk may end at a frame whose path is known (shadow.h) and laid */
	__u64 above;	 /* key of the known path that the walk ended at, 0: none; it has a node */
	__u64 node;	 /* laying down: key of the deepest ancestor that has a node, 0: none */
	struct node_id node_id; /* of it */
	__u64 next; /* laying down: key of the frame below it; not on the stack, which is short */
	struct node_id above_id;
	__u64 cause;	  /* pointer of the thread that is walked; 0: the current one */
	__u64 cause_leaf; /* where that walk began */
	__u64 tstate;	  /* with --native: the state whose leaf the walk began at */
	__u32 remaining;  /* laying down: frames without a node yet */
	__u32 failed;	  /* laying down: LOSS_* + 1 */
	__u32 begins;	  /* the leaf has just begun or ended: it stands on its first line */
	__u32 keep_leaf;  /* filling the shadow, where `node` is the key of the frame's path */
	__u32 c_frames;	  /* with --native: functions that are no Python, at the leaf */
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
	struct work work;	    /* that the walk ended at */
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
	path->cause = 0;
	path->by_shadow = 0;
	path->watched = 0;
	path->work.code = 0;
	if (cfg_native)
		path->c_frames = 0;
}

/* C functions alone are no path: they stand below Python. */
static __always_inline bool has_python_frames(const struct path *path)
{
	return path->depth > (cfg_native ? path->c_frames : 0);
}

/* Of a path that has no others. */
static __always_inline void forget_c_frames(struct path *path)
{
	path->c_frames = 0;
	path->depth = 0;
	path->key = 0;
	path->factor = 1;
}

#endif
