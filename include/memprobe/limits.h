/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fixed bounds shared by the BPF programs and user space, each with its reason. */
#ifndef MEMPROBE_LIMITS_H
#define MEMPROBE_LIMITS_H

/* Frames of one stack: in a plain loop 1,024 cost 135 k of the verifier's 1 M instructions. */
#define MAX_FRAMES 1024

/* CPUs whose shares of a counter are summed at fork, attach and teardown. */
#define MAX_CPUS 1024

/* Address spaces alive at once; more are counted as a loss (images_full). */
#define MAX_IMAGES 4096

/* Bits of an address of a process: TASK_SIZE_MAX of x86, the default of arm64, but for who asks for
 * more (5-level pages, 52 bits). */
#if defined(__aarch64__) || defined(__TARGET_ARCH_arm64)
#define ADDRESS_BITS 48
#else
#define ADDRESS_BITS 47
#endif

/* A process that has fewer pages than this when its runtime ends, 32 MB, is not stopped for a look
 * into its allocators that nobody asked for: a Python with a few modules has 10 to 30 MB. */
#define LAST_LOOK_PAGES 8192
#define MAX_LAST_LOOKS 1024 /* processes that are waited for at a time */

/* Interpreter files in one run: containers and copied environments have one each. */
#define MAX_LAYOUTS 256

/* Bytes copied of a file name, a function name and a line table at a site's first sight. */
#define MAX_FILENAME_BYTES 4096
#define MAX_NAME_BYTES 4096
#define MAX_LINETABLE_BYTES 8192

/* Bytes of a frame and of a code object that hold every field read: the first local variable of 3.6
 * ends at 384, free-threaded 3.14's co_linetable at 160. Powers of two, for masks. */
#define FRAME_HEAD_BYTES 512
#define CODE_HEAD_BYTES 512

/* Scratch memories of a CPU. rss_stat fires with preemption off and has the first for itself; a
 * uprobe's program can be preempted by another task's, and takes one of the others (bpf/calls.h).
 */
#define SCRATCH_RSS 0
#define NR_SCRATCHES 4

/* Frames that stood when counting began; more of them count when they end. */
#define MAX_STANDING 16384
#define STANDING_BITS 4096 /* that tell most other frames from them */

/*
 * What --calls=auto may cost all processes together, and the part of their CPU time on top, by its
 * own count. 20 ms and 1 % are promised: caches that are emptied are not counted (the start of a
 * Python, 520 calls on 231 new paths, costs it 6 ms and counts for 4), and hits that come rarely
 * find cold ones and cost twice what they count for.
 */
#define CALLS_FREE_NS 18000000ULL
#define CALLS_PARTS 200

/* Threads whose CPU time is known while calls are counted with a budget; more take turns. */
#define MAX_CALL_CLOCKS 8192

/* Slots that lead to the nodes of paths that were met last; a power of two, above the nodes that
 * there are by default. */
#define RECENT_IDS 131072
#define RECENT_IDS_WITHOUT_CALLS 32768

/* Threads without a Python frame are rows by their names, so many of an image as they are, then so
 * many patterns of names (`Thread-N`), then all others in one. A program may name each thread
 * itself, and CPython does from 3.14 on. */
#define MAX_NATIVE_NAMES 64
#define MAX_NATIVE_PATTERNS 64

/* With --threads: threads of an image that are rows; all others are one. */
#define MAX_THREAD_ROWS 256

/* Room for rows that are no Python in the tables of nodes and sites, beyond what was asked for:
 * code objects without end must not take it. Native threads may have a half. */
#define RESERVED_ROWS 8192

/* Room for [deeper] rows, beyond that. */
#define DEEPER_ROWS 1024

/* Ids of nodes are given out in runs of so many at most. */
#define MAX_ID_RUN 512

/* Defaults of --max-nodes, --max-sites and --ring. */
#define DEFAULT_MAX_NODES 65536
#define DEFAULT_MAX_SITES 16384
#define DEFAULT_RING_MB 8
#define RING_MB_WITHOUT_CALLS 4 /* or with few: fewer paths are seen then */

/* Bytes copied of a command's arguments at exec. */
#define MAX_ARGS_BYTES 1024
#define MAX_EXEC_PATH_BYTES 256

/* Distinct objects that a node keeps; when there are more, only that. */
#define MAX_NODE_OBJECTS 16
#define MAX_SIGHTINGS 65536 /* of an object on a node, in all; counted calls may fill a half */
#define SEEN_OBJECTS 65536  /* paths with the objects that they ran on; a power of two */
#define MAX_CLASS_BYTES 128

/* Objects that a method is split by; calls on others go to one row more. */
#define MAX_INSTANCES 256

/* Blocks of allocators that are followed at a time, 110 bytes each: the default of --max-blocks. */
#define DEFAULT_MAX_BLOCKS 2097152

/* Rows of unwind tables, of 8 bytes: numpy, pandas, lxml and all that they bring have 925,742.
 * Files that have some: one program maps 85. */
#define DEFAULT_NATIVE_ROWS 2097152
#define MAX_NATIVE_ROWS 16777216
#define MAX_UNWIND_FILES 4096
/* This part of them may be places of blocks that have gone. */
#define KEPT_BLOCKS_PART 32

#define COMM_BYTES 16 /* TASK_COMM_LEN */

#endif
