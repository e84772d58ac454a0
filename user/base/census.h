/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a census of a process's Python objects found: by type, by holder, the largest ones. Only
 * facts and their bytes: who counts is user/census, who shows is user/report.
 *
 * Bytes of an object are those of its own block, its GC head included, rounded up as its allocator
 * does; buffers are what belongs to it beside that (a list's items, a dict's table, an ndarray's
 * data, attributes kept without a dict). Together they are what sys.getsizeof() says, or more.
 */
#ifndef MEMPROBE_CENSUS_H
#define MEMPROBE_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packed_bytes.h"
#include "string_pool.h"

#define CENSUS_NONE UINT32_MAX

/* What is written of it: the largest, and the first bytes of each text. */
#define CENSUS_MAX_TYPES 4096U
#define CENSUS_MAX_HOLDERS 4096U
#define CENSUS_MAX_SINGLE 256U
#define CENSUS_MAX_TEXT 200U
#define CENSUS_MAX_STRINGS (2 * CENSUS_MAX_TYPES + CENSUS_MAX_HOLDERS + CENSUS_MAX_SINGLE + 1)
#define CENSUS_MAX_AMOUNT (1ULL << 48)
#define CENSUS_MAX_WRITTEN (4U << 20) /* bytes that census_write() makes at most */

enum census_holder_kind {
	CENSUS_MODULE,	  /* a name in a module's dict: `flaskapp.CACHE` */
	CENSUS_CLASS,	  /* a class attribute: `flaskapp.Cache.entries` */
	CENSUS_FRAME,	  /* a local of a frame of a thread: `MainThread › serve › cache` */
	CENSUS_THREAD,	  /* what a thread's state holds: its exception, its dict of locals */
	CENSUS_INTERNED,  /* the interpreter's own: interned strings, codecs, modules */
	CENSUS_GARBAGE,	  /* cycles that no root reaches and nothing outside them refers to: the
			     collector would free them */
	CENSUS_C_CODE,	  /* tracked and reached from no root: held by C code, or lost by it */
	CENSUS_TYPE,	  /* below another holder: what of this type it reached */
	CENSUS_ATTRIBUTE, /* below another holder: what one attribute, local or key of it reached */
	CENSUS_REST,	  /* what is too small for a row, below another holder or of all roots */
	NR_CENSUS_HOLDER_KINDS
};

/* Objects of one type, wherever they are held. */
struct census_type {
	uint32_t module, name; /* "builtins", "dict"; both are the target's text */
	uint64_t objects, bytes, buffer_bytes;
	uint64_t tracked; /* of the objects, those that the collector's lists name */
};

/* A row of the tree of holders. Its sums hold all below it; its children follow it, depth first,
 * the largest first, what is too small for a row last. Each object stands below one root: the one
 * from which it was reached first, breadth first. */
struct census_holder {
	uint32_t parent; /* index, or CENSUS_NONE for a root */
	enum census_holder_kind kind;
	uint32_t name;
	uint64_t objects, bytes; /* bytes with buffers */
	uint64_t shared_bytes;	 /* of them, objects that something below another root refers to */
};

/* One of the largest single objects. */
struct census_object {
	uint32_t type;	/* index into types, or CENSUS_NONE: it is none of those */
	uint64_t bytes; /* with buffers */
	uint64_t address;
	uint32_t look;	 /* the first characters of a str, shape and dtype of an array; "" */
	uint32_t holder; /* index of the deepest row it is counted in, or CENSUS_NONE */
};

/* Owns everything in it. */
struct census {
	struct string_pool strings;
	struct census_type *types; /* largest first */
	struct census_holder *holders;
	struct census_object *largest; /* largest first */
	uint32_t nr_types, nr_holders, nr_largest;

	uint64_t objects, bytes, buffer_bytes; /* of all types together */
	uint64_t tracked;		       /* of them, what the collector's lists name */
	uint64_t unreadable_objects;	       /* changed while it was read, or no sense in it */
	uint64_t unreadable_bytes;	       /* of tracked memory, as far as a size is known */
	uint64_t frozen_ns;		       /* how long the process was stopped; 0: it was not */
	uint64_t taken_ns;		       /* CLOCK_MONOTONIC when it began */
	bool cut;	  /* a limit of time or memory ended it early: figures are lower bounds */
	uint32_t refused; /* why this interpreter cannot be counted; CENSUS_NONE when it was */
};

void census_free(struct census *census);
/* The same of one that is allocated itself, or NULL. */
void census_delete(struct census *census);
/* As it would be read again, so within the limits; allocated itself. */
struct census *census_copy(const struct census *census);

/*
 * The census as bytes, for the inspecting process's answer and for the dump: one encoding, every
 * number bounded when it is read. census_read() gives 0, or -EINVAL for bytes that are no census,
 * and leaves *ret alone then.
 */
void census_write(const struct census *census, struct packed_bytes *out);
int census_read(const uint8_t *bytes, size_t size, struct census *ret);

#endif
