/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What memprobe asks its inspecting process about targets, and in which form it answers. All is of
 * fixed or bounded size. The process may have been taken over by what it looked at: who receives an
 * answer checks every number and ends every text itself.
 */
#ifndef MEMPROBE_INSPECT_REQUEST_H
#define MEMPROBE_INSPECT_REQUEST_H

#include <limits.h>
#include <stdint.h>

#include <memprobe/limits.h>
#include <memprobe/wire.h>

#include "function_names.h"
#include "inspect_service.h"
#include "malloc_place.h"
#include "probe_plan.h"
#include "process_maps.h"
#include "python_frames.h"
#include "queue_plan.h"
#include "source_line.h"
#include "target_root.h"
#include "target_user.h"
#include "unwind_table.h"

enum inspect_target {
	INSPECT_PLACE,	  /* where a process has its interpreter */
	INSPECT_FORESEE,  /* which interpreters a command will bring */
	INSPECT_FILE,	  /* a mapped file, opened */
	INSPECT_FRAMES,	  /* frames that stand */
	INSPECT_CODE,	  /* names of one of them */
	INSPECT_OBJECTS,  /* names that objects bear */
	INSPECT_NAME,	  /* a qualified name, out of the source */
	INSPECT_LINES,	  /* text of source lines */
	INSPECT_PROCESS,  /* its command line, and whether its environment turns the JIT on */
	INSPECT_VARIABLE, /* of an environment */
	INSPECT_MALLOC,	  /* files of a process or a command that have an allocator */
	INSPECT_HEAP,	  /* what is in use and what is free inside its allocators */
	INSPECT_CENSUS,	  /* which Python objects it has, and who holds them */
	INSPECT_CELL,	  /* which number a notebook gave a cell */
	INSPECT_QUEUES,	  /* where work can be seen to go through Python's queues */
	INSPECT_MIMALLOC, /* whether a Python's own mimalloc serves its objects: a u32 */
	/* Of a mapped file with code: rows by which its stacks are unwound, names of functions. */
	INSPECT_UNWIND,
	INSPECT_FUNCTIONS,
	NR_INSPECT_TARGETS,
};

extern const struct inspect_service inspect_targets;

#define INSPECT_PATH_LIST_BYTES 32768
#define INSPECT_REASON_BYTES 192
#define INSPECT_ENTRIES 8 /* interpreters that one command may bring */
#define INSPECT_OBJECT_BATCH 64
#define INSPECT_ATTRIBUTES_BYTES 1024
#define INSPECT_LINES_BATCH 4096
#define INSPECT_VARIABLE_NAME_BYTES 32

struct inspect_process_request {
	int32_t pid;
	uint32_t is_jit_expected;
};

/* The answer is the value, of INSPECT_PATH_LIST_BYTES at most. */
struct inspect_variable_request {
	int32_t pid;
	char name[INSPECT_VARIABLE_NAME_BYTES];
};

/* The answer is an array of malloc_file, whose plans have no reason. */
struct inspect_malloc_request {
	int32_t pid;	     /* 0: what a command will have */
	uint32_t is_loading; /* the process has just been exec'd: what it will have */
	uint32_t has_preload;
	uint32_t pad;
	char path[PATH_MAX], preload[PATH_MAX];
};

/* The answer is a struct heap_inside. */
struct inspect_heap_request {
	int32_t pid;
	uint32_t pad;
	uint64_t budget_ns;
	uint64_t finalizing; /* address of a pointer that is set once its runtime finalizes, or 0 */
};

/* The answer is what census_write() makes. */
struct inspect_census_request {
	int32_t pid;
	uint32_t pad;
	uint64_t budget_ns;
};

struct inspect_foresee_request {
	uint32_t is_jit_expected;
	uint32_t has_path_list;
	struct file_identity program; /* -ESRCH unless it is this; ino 0: whatever it is */
	char path[PATH_MAX];
	char path_list[INSPECT_PATH_LIST_BYTES];
};

/* An interpreter_entry without pointers. */
struct inspect_entry {
	struct file_identity file;
	int64_t changed_ns;
	int32_t status; /* 0, -ENOTSUP, -E2BIG */
	uint32_t has_reason, has_plan_reason, has_path;
	struct interpreter interpreter; /* its reason is below */
	struct probe_plan plan;		/* the same */
	char reason[INSPECT_REASON_BYTES], plan_reason[INSPECT_REASON_BYTES];
	char path[PATH_MAX];
};

struct inspect_place {
	uint64_t bias;
	char path[PATH_MAX]; /* as maps prints it */
	struct inspect_entry entry;
};

struct inspect_file_request {
	int32_t pid;
	uint32_t pad;
	struct file_identity file;
	char path[PATH_MAX]; /* in its root, where it may not be mapped yet; or "" */
};

/* The answer is a struct queue_plan, and the file, opened. */
struct inspect_queues_request {
	int32_t pid;
	uint32_t file_of; /* enum queue_file */
	uint32_t version; /* wire_layout.version */
	uint32_t pad;
	struct file_identity file; /* the interpreter's */
	char path[PATH_MAX];	   /* the same */
};

struct inspect_unwind_request {
	int32_t pid; /* 0: a file that none may have mapped yet */
	uint32_t pad;
	uint64_t address;	   /* in code, or where the file is mapped */
	struct file_identity file; /* zeroed: whichever has code there */
	char path[PATH_MAX];	   /* in our own root */
};

#define INSPECT_UNWIND_OTHERS 64

/* Code that the same process has. */
struct inspect_unwind_other {
	struct file_identity file;
	uint64_t address;
};

/* The answer; behind it lie its rows and its rules. */
struct inspect_unwind {
	struct wire_file file;
	int32_t status; /* why there are none: as unwind_table_read() */
	uint32_t nr_rows, nr_rules;
	uint32_t nr_others;
	struct inspect_unwind_other others[INSPECT_UNWIND_OTHERS]; /* the lowest */
	char path[PATH_MAX];
};

#define INSPECT_UNWIND_BYTES                                                                \
	(sizeof(struct inspect_unwind) + UNWIND_MAX_ROWS * sizeof(struct wire_unwind_row) + \
	 UNWIND_MAX_RULES * sizeof(struct wire_unwind_rule))

/* The answer is a function_name for each. */
struct inspect_functions_request {
	int32_t pid;
	uint32_t count;
	struct wire_file file;
	char path[PATH_MAX];		       /* as maps has printed it, or "" */
	uint32_t begins[FUNCTION_NAMES_BATCH]; /* offsets in the file */
};

struct inspect_memory_request {
	int32_t pid;
	uint32_t pad;
	uint64_t address; /* the load bias, or a code object */
	struct wire_layout layout;
};

struct inspect_code {
	int32_t line;
	uint32_t flags;							     /* co_flags */
	char file[MAX_FILENAME_BYTES * 4 + 1], name[MAX_NAME_BYTES * 4 + 1]; /* "": unreadable */
};

struct inspect_object {
	uint64_t address, type;
};

struct inspect_objects_request {
	int32_t pid;
	uint32_t count;
	struct wire_layout layout;
	char attributes[INSPECT_ATTRIBUTES_BYTES]; /* parted by commas */
	struct inspect_object objects[INSPECT_OBJECT_BATCH];
};

/* For each object in turn: a length, and as many bytes; INSPECT_NAME_NONE where there is no name,
 * INSPECT_NAME_LATER where an attribute is there that holds none yet. */
typedef uint16_t inspect_name_bytes;
#define INSPECT_NAME_NONE (UINT16_MAX - 1)
#define INSPECT_NAME_LATER UINT16_MAX

#define INSPECT_ANY_AGE UINT64_MAX

/* A file that a process named. */
struct inspect_source {
	int32_t pid;		 /* 0: the process has gone */
	uint32_t is_here;	 /* the path is meant in our own root; else in the process's */
	struct target_root root; /* of the process, when it named the file */
	uint64_t before_ns;	 /* wall clock: one that changed later is another by now */
	uint32_t has_user;	 /* 0: with our own rights */
	struct target_user user;
	char path[PATH_MAX];
};

struct inspect_name_request {
	struct inspect_source source; /* opened as the user once the process has gone */
	uint32_t process; /* a number that no other has: what is known of a path is its own */
	uint32_t version, line;
	char name[MAX_NAME_BYTES * 4 + 1];
};

struct inspect_lines_request {
	struct inspect_source source;
	uint32_t count;
	int32_t numbers[INSPECT_LINES_BATCH];
};

/* The answer: how many bytes were read, and a text of SOURCE_LINE_BYTES for each number. */
typedef uint64_t inspect_lines_bytes;

struct inspect_process {
	uint32_t jit; /* enum python_jit */
	uint32_t command_bytes;
	char command[MAX_ARGS_BYTES]; /* arguments, a NUL after each */
};

#endif
