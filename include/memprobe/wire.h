/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What crosses between the BPF programs and user space: map values and ring buffer records.
 * Only fixed-width types, explicit padding, and an asserted size per struct.
 * Memory amounts are in pages, times in nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef MEMPROBE_WIRE_H
#define MEMPROBE_WIRE_H

#include "limits.h"

#include <linux/types.h>

/* Kinds of resident memory: the kernel's MM_*PAGES (include/linux/mm_types_task.h). */
enum wire_kind {
	KIND_FILE = 0,
	KIND_ANON = 1,
	KIND_SWAP = 2,
	KIND_SHMEM = 3,
	NR_KINDS = 4,
};

enum wire_loss {
#define LOSS(name, sentence, hint) LOSS_##name,
#include "counters.def"
#undef LOSS
	NR_LOSSES,
};
/* Those that the BPF side counts have numbers below: a power of two, for it masks its index. */
#define LOSS_SLOTS 32
#define NR_IMAGE_LOSSES (NR_LOSSES < LOSS_SLOTS ? NR_LOSSES : LOSS_SLOTS)
_Static_assert(LOSS_events_missed <= LOSS_SLOTS, "only user space counts this one and later ones");

/* What a site is: Python code, or a root or row that is not. Stored in dumps: append only. */
enum wire_site_kind {
	SITE_PYTHON = 0,
	SITE_STARTUP = 1,  /* before the first Python frame of the image */
	SITE_SHUTDOWN = 2, /* main thread without a frame, while the runtime finalizes */
	SITE_NATIVE = 3,   /* any other thread without a Python frame; named by its comm */
	SITE_KERNEL = 4,   /* another task, a kernel thread, or reclaim in the task's own context */
	SITE_TRUNCATED = 5, /* stands for the root part of a stack deeper than MAX_FRAMES */
	SITE_LOST = 6,	 /* stands for the root part of a stack whose next frame was unreadable */
	SITE_DEEPER = 7, /* growth below this node that found no room in a table */
	/* Roots that hold pages which no path has touched first. Nothing grows on them. */
	SITE_INHERITED = 8, /* there at the fork */
	SITE_BEFORE = 9,    /* there at the attach */
	SITE_UNOWNED = 10,  /* nobody knows who touched them */
	SITE_FREE = 11,	    /* whole pages within blocks that were given back to malloc */
	SITE_THREAD = 12,   /* with --threads: what a thread runs is below */
	SITE_C = 13,	    /* with --native: a function that is no Python, below one that is */
	NR_SITE_KINDS,
};

/* How the thread state of the current thread is found (reference: docs/design.md). */
enum wire_tstate_by {
	TSTATE_BY_NONE = 0,
	TSTATE_BY_PTHREAD_KEY = 1, /* int key at key_vaddr: autoTSSkey 3.7-3.14, autoTLSkey 3.6 */
	TSTATE_BY_TLS = 2,	   /* thread-local variable tls_bound: 3.15 */
};

/* Where arm64's programs lie that are not moved, and no program lies lower: what a TLS descriptor
 * has below that is an offset. */
#define TLS_FIRST_ADDRESS 0x400000

/* Where a thread-local variable lies. */
struct wire_tls {
	/* Of its tls_index, {module, offset}, in a shared library, or, is_word, of a word: an
	 * offset from the thread pointer or, from TLS_FIRST_ADDRESS on, the address of a
	 * tls_index. 0: static TLS. */
	__u64 index_vaddr;
	__s32 offset; /* from the thread pointer, or from where the index leads */
	__u16 is_known;
	__u16 is_word;
};
_Static_assert(sizeof(struct wire_tls) == 16, "wire_tls");

/*
 * One way in which a C library keeps what a thread has set for pthread keys: in blocks of slots.
 * The first block may lie in the thread's descriptor itself; the descriptor also holds the
 * addresses of blocks.
 */
struct wire_slots {
	__s16 first_block; /* from the thread pointer; NO_FIRST_BLOCK: it is found by its address
			      too */
	__s16 blocks;	   /* the addresses, from the thread pointer */
	__u16 self;	   /* what pthread_self() is below the thread pointer */
	__u8 block_keys;
	__u8 slot_bytes; /* 16: a number of the key's, the value; 8: the value; 0: no such way */
};
_Static_assert(sizeof(struct wire_slots) == 8, "wire_slots");
#define NO_FIRST_BLOCK 0x7fff
#define NR_SLOT_WAYS 4

/* co_flags of what is resumed: CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR, Include/code.h
 * of 3.6, Include/cpython/code.h later. */
#define CODE_RESUMABLE (0x20 | 0x80 | 0x200)

/* Where call probes hit. */
enum wire_calls_at {
	CALLS_AT_STARTS = 0,  /* a function starts or a generator is resumed */
	CALLS_AT_RETURNS = 1, /* a function returns or yields */
	CALLS_AT_DEATHS = 2,  /* a frame ends; a generator's, too, that goes while it waits */
};

/*
 * Where one interpreter file keeps what the walker reads; offsets in bytes, NO_OFFSET where the
 * version has no such field. Addresses are the file's (before relocation); the image adds its bias.
 */
#define NO_OFFSET 0xffff

struct wire_layout {
	__u64 key_vaddr;	  /* int: pthread key of the thread state */
	__u64 finalizing_vaddr;	  /* pointer: non-NULL once the interpreter finalizes; 0 unknown */
	__u64 generation_vaddr;	  /* u32 that changes when a code object is created; 0: none here */
	__u64 interpreters_vaddr; /* PyInterpreterState *: the newest, then the main one; 0: unknown
				   */
	struct wire_tls tls_bound;	       /* 3.15: what PyGILState_GetThisThreadState reads */
	struct wire_slots slots[NR_SLOT_WAYS]; /* tried in turn until one has proven right */
	__u16 version;			       /* major << 8 | minor */
	__u8 tstate_by;			       /* enum wire_tstate_by */
	__u8 free_threaded;
	__u16 interp_next;
	__u16 interp_threads; /* PyThreadState *: the newest */
	__u16 tstate_next;
	__u16 tstate_thread; /* pthread_t */
	__u16 tstate_interp;
	__u16 tstate_frame; /* PyFrameObject *, _PyCFrame * (3.11, 3.12), _PyInterpreterFrame * */
	__u16 cframe_frame; /* 3.11, 3.12: _PyCFrame.current_frame */
	__u16 interp_generation; /* 3.13+: u32 in PyInterpreterState, as generation_vaddr */
	__u16 frame_code;
	__u16 frame_back;
	__u16 frame_instr;    /* f_lasti (int), prev_instr or instr_ptr (pointer) */
	__u16 frame_owner;    /* u8 */
	__u16 frame_gen;      /* 3.9, 3.10: pointer, the generator or coroutine whose frame it is */
	__u16 owner_shim_min; /* frames with owner >= this are shims, not Python; NO_OFFSET: none */
	__u16 tag_mask;	      /* bits to clear in frame_code's stack reference */
	__u16 code_firstlineno;
	__u16 code_flags;
	__u16 code_argcount;
	__u16 code_varnames; /* tuple of names, arguments first */
	__u16 code_kinds;    /* 3.11+: bytes, a kind for each of these names */
	__u16 code_nlocals;  /* <= 3.10: cells lie behind these */
	__u16 code_cellvars; /* <= 3.10: tuple of names */
	__u16 frame_locals;  /* the first local variable */
	__u16 tuple_items;
	__u16 object_type;
	__u16 type_name;
	__u16 cell_content;
	__u16 code_version; /* 3.12+: u32, unique at creation */
	__u16 code_filename;
	__u16 code_name;
	__u16 code_qualname;
	__u16 code_linetable;
	__u16 code_adaptive;
	__u16 str_length;
	__u16 str_hash;
	__u16 str_state;
	__u16 str_ascii_data;	/* compact ASCII characters begin here */
	__u16 str_compact_data; /* compact non-ASCII characters begin here */
	__u16 str_legacy_data; /* pointer to the characters of a str that is not compact, <= 3.11 */
	__u16 str_kind_mask;
	__u16 str_kind_shift;
	__u16 str_compact_mask;
	__u16 str_ascii_mask;
	__u16 bytes_size;
	__u16 bytes_data;
	/* Filled by capture from the offsets above: how much of a frame and of a code to read, what
	 * is 0 in a frame that no generator has (the mask's bits of 8 bytes), and from where on the
	 * quick way reads a frame. */
	__u16 frame_bytes;
	__u16 code_bytes;
	__u16 frame_holder;
	__u16 quick_begin;
	__u16 calls_by_ends;	 /* enum wire_calls_at: where call probes hit */
	__u16 code_watched;	 /* a probe sees code objects go while calls are counted */
	__u16 has_unseen_frames; /* 3.15: some frames start without an entry */
	__u16 dtv_bytes;	 /* of an entry in a thread's table of thread-local blocks */
	__u16 tstate_cframe;	 /* 3.10 to 3.12: CFrame *, where the thread's C stack has one */
	__u64 eval_vaddr; /* _PyEval_EvalFrameDefault, to 3.9: a C frame of it for each of Python's
			   */
	__u64 holder_mask;
};
_Static_assert(sizeof(struct wire_layout) == 208, "wire_layout");

/* User space's word on an image's interpreter, by image slot. */
enum wire_python_state {
	PYTHON_UNKNOWN = 0, /* not looked for yet, or not found yet */
	PYTHON_NONE = 1,    /* an image without a Python that can be walked */
	PYTHON_KNOWN = 2,
};

struct wire_python {
	__u64 bias; /* load address minus file address of the interpreter's file */
	__u32 image_id;
	__u16 layout; /* index in the map of layouts */
	__u16 state;  /* enum wire_python_state */
};
_Static_assert(sizeof(struct wire_python) == 16, "wire_python");

/* A file with a known interpreter, as it is since a time: the BPF side finds it in a process
 * itself. */
struct wire_file {
	__u64 ino;
	__u32 dev; /* the kernel's s_dev: major << 20 | minor */
	__u32 pad;
	__u64 changed_ns; /* its ctime, of CLOCK_REALTIME */
};
_Static_assert(sizeof(struct wire_file) == 24, "wire_file");

struct wire_file_layout {
	__u64 text_vaddr;  /* p_vaddr of the first executable segment, which mm->start_code maps */
	__u64 text_offset; /* its p_offset */
	__u64 text_bytes;  /* its p_filesz */
	__u16 layout;
	__u16 pad[3];
};
_Static_assert(sizeof(struct wire_file_layout) == 32, "wire_file_layout");

#define IMAGE_PYTHON_SEEN 1 /* a Python frame was walked */
#define IMAGE_MAIN_SEEN 2   /* the main module has begun */
#define IMAGE_FINALIZING                                                                         \
	8		   /* the interpreter was seen to finalize: no frame is alive at the end \
			    */
#define IMAGE_CALLS_OVER 4 /* counting calls has spent its budget */
#define IMAGE_ATTACHED 32  /* its process ran before memprobe came */
#define IMAGE_RUNTIME_SEEN 64	 /* the interpreter has made its key, or its parent's has */
#define IMAGE_FIND_JUDGED 128	 /* whether its interpreter was found in time has been told */
#define IMAGE_SUBINTERPRETERS 16 /* there is more than one PyInterpreterState, or there was */
#define IMAGE_WAKES_WANTED 512	 /* user space was asked to attach to wake-ups */
#define IMAGE_THREADED 256	 /* a thread that is not the first ran Python */
#define IMAGE_RACING 1024	 /* a thread that is not the first has mapped memory */
#define IMAGE_LEFT_CALLS 2048	 /* its runtime was taken down under threads that ran Python */
#define IMAGE_OUTER_CALLS 4096	 /* a thread died on frames of more than one interpreter, perhaps */

/* One address space, by slot. Owned by BPF. */
struct wire_image {
	__u64 mm;
	__u32 image_id;
	__u32 tgid;
	__u32 flags;
	__u32 round;		/* of the last balance sent */
	__u32 pthread_key;	/* of the thread state, plus 1; 0: not known yet */
	__u32 looks;		/* walks since the image began; not exact */
	__u32 slot_way;		/* that has proven right, plus 1; 0: none has yet */
	__u32 opening_site;	/* SITE_INHERITED, SITE_BEFORE, or 0: nothing was there */
	__u64 pthread_sequence; /* that glibc keeps beside a value of this key; 0: not known */
	__u64 gone_sequence;	/* the last of a key that is no more */
	__u32 gone_key;		/* as pthread_key; 0: none */
	/* That other threads have moved since final_moment: bpf/book.h, note_going_on. */
	__u32 pages_since;
	__s64 opening[NR_KINDS]; /* counters when the books were opened */
	__s64 books[NR_KINDS];	 /* opening and everything booked since */
	__s64 claimed[NR_KINDS]; /* how much of percpu_counter.count (or mm counter) is booked */
	__u64 shares[NR_KINDS];	 /* per-CPU offsets of the counters' shares; 0 to 6.1 */
	__s64 peak;		 /* highest file + anon + shmem */
	__s64 sampled;		 /* the same when the last series sample was sent */
	__u64 events;
	__u64 lost_grown[NR_KINDS]; /* what found no room in any table */
	__u64 lost_released[NR_KINDS];
	/* Modulo 2^32: user space adds up what they gained between two readings. */
	__u32 loss_events[LOSS_SLOTS];
	__u32 loss_pages[LOSS_SLOTS];	 /* grown and released */
	__u32 loss_released[LOSS_SLOTS]; /* of them */
	__u64 natives;			 /* names of native threads that are rows */
	__u64 calls_ns;			 /* what call probes cost it, with a budget only */
	__u64 has_calls;       /* 1: a call probe was hit while the interpreter was known */
	__u64 calls_early;     /* hits before the interpreter was known: not counted */
	__u64 calls_looked_ns; /* of that, as of the last look at the budget */
	__u64 calls_look_time_ns;
	__u64 calls_since_ns;	 /* the first look */
	__s64 closing[NR_KINDS]; /* the kernel's counters at the end */
	__u64 end_ns;		 /* 0: alive */
	__s64 cached[NR_KINDS];	 /* <= 6.1: sum of the tasks' caches at the last settling */
	__u32 peak_moment;	 /* how often there was another highest RSS */
	__u32 final_moment;  /* in which the runtime's end began, from 1 on; 0: it has not yet */
	__u32 finals;	     /* how often it seemed to */
	__u32 marks;	     /* how often a page got an owner; not exact */
	__s64 address_space; /* pages that are mapped, as far as told to nodes */
	__s64 heap;	     /* of them, brk()'s */
	__s64 peak_books[NR_KINDS];  /* books at the highest moment */
	__s64 final_books[NR_KINDS]; /* when its runtime began to finalize */
	__s64 missing[NR_KINDS];     /* pages that went, and whose mark was not found; below 0:
				      * whose mark was, and of whose going is told later */
	/* Blocks that an allocator has handed out and not got back, in bytes as asked for. */
	__s64 alloc_bytes;
	__s64 alloc_peak;    /* the most that alloc_bytes has been */
	__u32 alloc_moment;  /* how often there was another alloc_peak */
	__u32 alloc_flags;   /* ALLOCS_* */
	__s64 alloc_final;   /* alloc_bytes when its runtime began to finalize */
	__u64 unknown_frees; /* of blocks from before, or that found no room; until it finalizes */
	__u64 code_deaths;   /* code objects that were seen to end */
	__u64 thread_rows;   /* threads that are rows */
	__u64 lost_bytes;    /* of blocks that are in no row */
	__u32 free_row;	     /* node of SITE_FREE; 0: there is none */
	__u32 lost_pages;    /* of lost_bytes that have been told */
	__u32 allocator;     /* number of the first whose functions were hit */
	__u32 adrift;	     /* marks that were set adrift (bpf/moves.h) */
};
_Static_assert(sizeof(struct wire_image) == 1000, "wire_image");

/* A node by its place in the array of nodes, from 1 on; 0: none. */
struct node_id {
	__u32 value;
};

/*
 * One call path of one image, by its id: a cache line. What it has counted since user space took
 * the counts away, which is twice a second: 32 bits are enough for them.
 */
struct wire_node {
	__u64 key; /* 0: the id is free, or its path is being laid down */
	__u64 site;
	__u32 parent : 27; /* id; 0: a root */
	__u32 objects : 5; /* distinct ones seen; above MAX_NODE_OBJECTS: more than that */
	__u32 image_id;
	__u32 first; /* when it was laid down, in units of 1 << FIRST_SHIFT ns, modulo 2^32 */
	__u32 calls;
	__u32 grown[NR_KINDS];
	__u32 released[NR_KINDS];
};
_Static_assert(sizeof(struct wire_node) == 64, "wire_node");
_Static_assert(MAX_NODE_OBJECTS + 1 < 32, "wire_node.objects");

#define FIRST_SHIFT 12 /* 4 us; the number comes again after 4.9 hours */
#define NODE_BLOCK 64  /* nodes of a page: how the array is sized */

/*
 * How low an amount fell since user space looked at all nodes, which it counts (`looks`). Kept
 * lazily: an amount that has not changed since is its own low. While it looks nodes change, so that
 * of those the time before is still told.
 */
struct wire_low {
	__s64 now;    /* the least since the look with this number */
	__s64 before; /* the least between it and the one before */
	__u32 look;
	__u32 pad;
};

/*
 * What a path holds, by its node's id: pages that it touched first, until they go. Made at the
 * first of them. The other two are kept lazily: a node that changes after another highest moment
 * first saves what it held then, and the moment's number with it.
 */
struct wire_held {
	__s32 live[NR_KINDS];	  /* pages, now */
	__s32 at_peak[NR_KINDS];  /* at the highest moment, where peak_moment is the image's; else
				     live */
	__s32 at_final[NR_KINDS]; /* when the runtime began to finalize, the same with final_moment
				   */
	__u32 peak_moment;
	__u32 final_moment;
	__u32 unshared; /* pages that were copied because this path wrote to them */
	__u32 pad;
	__s64 mapped; /* pages of address space, taken less given back: more than 32 bits hold */
	__s64 heap;   /* of them, what brk() moved the heap's end by */
	struct wire_low low; /* pages of live that are resident */
};
_Static_assert(sizeof(struct wire_held) == 104, "wire_held");

#define ALLOCS_SEEN 1	 /* its allocator's functions were hit: it has amounts */
#define ALLOCS_SEVERAL 2 /* those of several allocators were */

/*
 * What a path has allocated, by its node's id; in bytes as asked for. Kept lazily as wire_held is:
 * the first moment is that of the highest sum over the image (wire_image.alloc_moment).
 */
struct wire_allocs {
	__s64 bytes;	/* not given back yet */
	__s64 at_peak;	/* where peak_moment is the image's alloc_moment; else bytes */
	__s64 at_final; /* the same with final_moment */
	__s64 blocks;	/* not given back yet */
	__s64 blocks_at_final;
	__u64 taken_bytes, taken_blocks, freed_blocks; /* in all */
	__u32 peak_moment;
	__u32 final_moment;
	struct wire_low low; /* bytes; a block that realloc moves is there meanwhile */
};
_Static_assert(sizeof(struct wire_allocs) == 96, "wire_allocs");

/* A block by its address. */
struct wire_block_key {
	__u64 address;
	__u32 image_id;
	__u32 pad;
};
_Static_assert(sizeof(struct wire_block_key) == 16, "wire_block_key");

struct wire_block {
	struct node_id owner;
	__u32 pad;
	__u64 bytes;
};
_Static_assert(sizeof(struct wire_block) == 16, "wire_block");

/* Which function of an allocator a probe sits at, and where its arguments are: its cookie. */
enum wire_alloc_call {
	ALLOC_MALLOC = 1,   /* (size) */
	ALLOC_CALLOC,	    /* (count, size) */
	ALLOC_REALLOC,	    /* (block, size) */
	ALLOC_REALLOCARRAY, /* (block, count, size) */
	ALLOC_ALIGNED,	    /* (alignment, size): memalign, aligned_alloc */
	ALLOC_POSIX,	    /* (where the block goes, alignment, size): posix_memalign */
	ALLOC_PAGES,	    /* (size): valloc, pvalloc */
	ALLOC_FREE,	    /* (block) */
	ALLOC_RESIZE,	    /* (block, size, how much more it may be), in its place: xallocx */
	NR_ALLOC_CALLS,
};

/* Beside it: another argument comes before these, the context of Python's PyMemAllocatorEx. */
#define ALLOC_HAS_CONTEXT 0x80
/* Its blocks are only counted: how large they are, or its return, cannot be seen. */
#define ALLOC_UNFOLLOWED 0x40
#define ALLOC_CALL_MASK 0x3f

/* What a probe is told: the call, and above its bits the number of the allocator, from 1 on. */
#define ALLOC_CALL_BITS 8
_Static_assert(NR_ALLOC_CALLS <= ALLOC_CALL_MASK, "wire_alloc_call");

/* Which function of a queue a probe sits at: its cookie. */
enum wire_queue_call {
	QUEUE_APPEND = 1, /* deque.append(deque, item) */
	QUEUE_POPLEFT,	  /* deque.popleft(deque) */
	QUEUE_PUT,  /* SimpleQueue.put and put_nowait(queue, arguments): the first is the item */
	QUEUE_GET,  /* SimpleQueue.get and get_nowait, where they return the item */
	QUEUE_TASK, /* asyncio.Task.__init__(task, (coroutine, ...), keywords) */
	NR_QUEUE_CALLS,
};

/* A mark for each node that has changed. */
#define CHANGED_BLOCK 64
struct wire_changed {
	__u8 marks[CHANGED_BLOCK];
};
_Static_assert(sizeof(struct wire_changed) == CHANGED_BLOCK, "wire_changed");

/* Ids that are free, one after the other. */
struct wire_id_run {
	struct node_id first;
	__u32 count;
};
_Static_assert(sizeof(struct wire_id_run) == 8, "wire_id_run");

/* An object that a site was split by, or the site with how many there are of them. */
struct wire_instances {
	__u32 image_id;
	__u32 count;
};
_Static_assert(sizeof(struct wire_instances) == 8, "wire_instances");

/* A frame that was there before its calls were counted, where counts are of ends. */
struct wire_standing {
	__u64 frame;
	__u32 image_id;
	__u32 pad;
};
_Static_assert(sizeof(struct wire_standing) == 16, "wire_standing");

/* A thread that caused memory to come or go. */
struct wire_thread {
	__u64 start_ns;
	__s64 growth; /* file + anon + shmem, pages */
	__u32 image_id;
	__u32 tid;
	char comm[COMM_BYTES];
	__s64 cache[NR_KINDS]; /* <= 6.1: the task's cached counts at the last look */
	struct node_id node;   /* <= 6.1: path at the last look; at the end: path it died on */
	__u32 loss;	       /* <= 6.1: LOSS_* + 1 when that path is not whole */
	__u16 has_returned;    /* 1: an outermost frame of its has ended */
	__u16 runs_python;     /* 1: it had a frame; where owners are not followed, which know it */
	__u32 is_cut_short;    /* 1: it ended, and no frame of its Python was seen to be the last */
};
_Static_assert(sizeof(struct wire_thread) == 88, "wire_thread");

/* Growth of a thread, not yet in its entry: one a CPU. */
struct wire_tally {
	__u32 tid;
	__u32 image_id;
	__s64 growth; /* file + anon + shmem, pages */
};
_Static_assert(sizeof(struct wire_tally) == 16, "wire_tally");

/* Whose a CPU's last event was: mostly the next one's too, and cheaper than the table of mms. */
struct wire_cpu {
	__u64 mm;
	__u64 events; /* of all images, calls included */
	__u32 slot;
	__u32 pad;
};
_Static_assert(sizeof(struct wire_cpu) == 24, "wire_cpu");

/* Ring buffer records. Every one begins with this head. */
enum wire_record_type {
	RECORD_IMAGE_BEGIN = 1,
	RECORD_IMAGE_END = 2,
	RECORD_PROCESS_END = 3,
	RECORD_THREAD_END = 4,
	RECORD_SITE = 5,
	RECORD_KNOCK = 6, /* an image whose interpreter is unknown has had events: look again */
	RECORD_SAMPLE = 7,
	RECORD_BALANCE = 8,
	RECORD_OBJECT = 11,
	RECORD_SPLIT = 12,
	RECORD_FOUND = 10, /* struct wire_knock: a probe's hit has told where the interpreter is */
	RECORD_CALLS_OVER = 9, /* struct wire_knock: an image's budget for call probes is spent */
	RECORD_WATCH =
		13, /* struct wire_knock: to see its code objects end would make walks cheap */
	RECORD_WAKES = 15, /* struct wire_knock: to see who wakes whom would tell whom its pools
			      work for */
	RECORD_MAIN_END = 16,
	RECORD_UNWIND = 17,	/* struct wire_unwind_knock */
	RECORD_FINALIZING = 14, /* struct wire_knock: its runtime is about to be taken down, and
				   the process is stopped until it has been read */
};

struct wire_head {
	__u32 type;
	__u32 image_id;
	__u64 time_ns;
};
_Static_assert(sizeof(struct wire_head) == 16, "wire_head");

enum wire_begin_reason { BEGIN_EXEC = 0, BEGIN_FORK = 1, BEGIN_ATTACH = 2 };

struct wire_image_begin {
	struct wire_head head;
	__u32 slot;
	__u32 tgid;
	__u32 ppid;
	__u32 reason;	    /* enum wire_begin_reason */
	__u32 parent_image; /* BEGIN_FORK: the image it was copied from */
	__u32 layout;	    /* known from the executable file or the parent: state << 16 | layout */
	__u64 bias;
	__s64 opening[NR_KINDS];
	char comm[COMM_BYTES];
	struct wire_file program; /* BEGIN_EXEC: what runs, of a script its interpreter */
	__u32 args_bytes; /* BEGIN_EXEC: of argv as it lies in memory, NUL after each word */
	__u32 path_bytes; /* BEGIN_EXEC: of path, with its NUL; 0: it is not known */
	char path[MAX_EXEC_PATH_BYTES]; /* what execve() was given; of a script its own */
	char args[MAX_ARGS_BYTES];
};
_Static_assert(sizeof(struct wire_image_begin) == 128 + MAX_EXEC_PATH_BYTES + MAX_ARGS_BYTES,
	       "wire_image_begin");

/* Books of an image and the kernel's counters at one moment: RECORD_IMAGE_END, RECORD_BALANCE. */
struct wire_balance {
	struct wire_head head;
	__u32 slot;
	__u32 tgid;
	__s64 books[NR_KINDS];
	__s64 kernel[NR_KINDS];
};
_Static_assert(sizeof(struct wire_balance) == 88, "wire_balance");

struct wire_process_end {
	struct wire_head head;
	__u32 tgid;
	__u32 exit_code; /* as wait(2) reports it */
};
_Static_assert(sizeof(struct wire_process_end) == 24, "wire_process_end");

/* A main thread has ended before others of its process. */
struct wire_main_end {
	struct wire_head head;
	__u32 tgid;
	__u32 is_exec; /* one of them begins another program, and takes its place */
};
_Static_assert(sizeof(struct wire_main_end) == 24, "wire_main_end");

struct wire_thread_end {
	struct wire_head head;
	struct wire_thread thread;
};
_Static_assert(sizeof(struct wire_thread_end) == 104, "wire_thread_end");

struct wire_knock {
	struct wire_head head;
	__u32 slot;
	__u32 tgid;
	__u32 layout; /* RECORD_FOUND, RECORD_WATCH */
	__u32 pad;
};
_Static_assert(sizeof(struct wire_knock) == 32, "wire_knock");

struct wire_sample {
	struct wire_head head;
	__s64 rss;  /* pages: file + anon + shmem */
	__s64 anon; /* of it */
};
_Static_assert(sizeof(struct wire_sample) == 32, "wire_sample");

/* A str as it lies in memory. Bytes follow the record's fixed part in the order of the members. */
struct wire_str {
	__u32 bytes; /* bytes copied */
	__u8 kind;   /* 1, 2, 4 bytes a character */
	__u8 ascii;
	__u8 missing;	/* could not be read */
	__u8 truncated; /* the str is longer than what was copied */
};
_Static_assert(sizeof(struct wire_str) == 8, "wire_str");

struct wire_site {
	struct wire_head head;
	__u64 site; /* key in the map of sites and in wire_node */
	__u64 code; /* address of the code object; a thread's tid, 0: of all other threads; of a
		     * function of C: unwind_function_name() */
	__u32 kind; /* enum wire_site_kind */
	__s32 firstlineno;
	__u32 tgid;
	__u16 version; /* of CPython, major << 8 | minor */
	__u8 linetable_missing;
	__u8 linetable_truncated;
	struct wire_str filename;
	struct wire_str name; /* co_qualname where there is one, else co_name; a thread's comm */
	__u32 linetable_bytes;
	__u32 code_flags; /* co_flags */
	__u32 uid, gid;	  /* whose process names the file: user space opens it as that user */
	__u64 root_inode; /* of its root, in which the name is meant; 0: not known */
	__u32 root_mount; /* number of the mount that it is in */
	__u32 pad;
};
_Static_assert(sizeof(struct wire_site) == 96, "wire_site");

/* The first argument `self` of the function at a site, in the low bits of the site's key. */
#define SELF_NONE 0
#define SELF_PLAIN 1
#define SELF_IN_CELL 2 /* a closure uses it */
#define SELF_MASK 3

/* An object that a node's function ran on for the first time. */
struct wire_object {
	struct wire_head head;
	struct node_id node;
	__u32 tid; /* with --threads: of the thread whose first function it is; else 0 */
	__u64 object;
	__u64 type;
	char class_name[MAX_CLASS_BYTES]; /* tp_name */
};
_Static_assert(sizeof(struct wire_object) == 40 + MAX_CLASS_BYTES, "wire_object");

#define OTHER_OBJECTS 1

/* A site that stands for a part of another: one object, one instruction. */
struct wire_split {
	struct wire_head head;
	__u64 site; /* key */
	__u64 whole;
	__u64 object; /* 0: any; OTHER_OBJECTS: those beyond MAX_INSTANCES */
	__u64 type;
	__u32 at; /* the frame's instruction as wire_layout.frame_instr has it, less the code's
		   * begin where that is a pointer; plus 1; 0: any */
	__u32 pad;
	char class_name[MAX_CLASS_BYTES];
};
_Static_assert(sizeof(struct wire_split) == 56 + MAX_CLASS_BYTES, "wire_split");

#endif
