/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack of frames that are open at a token, private to source_definitions.c: blocks of def and
 * class, their headers, brackets, lambdas, from the module in. The frame on top tells in which
 * scope a definition stands that begins here; some parts of a frame stand in the scope around it:
 * headers (default arguments, annotations, base classes), parameters of lambdas, the first iterable
 * of comprehensions.
 *
 * That a bracket is a comprehension shows at its `for`, when what it makes may already contain
 * definitions. So every bracket gets a definition of kind DEFINITION_NONE, which the `for` renames,
 * and which goes with the bracket when nothing refers to it.
 */
#ifndef MEMPROBE_SOURCE_FRAMES_H
#define MEMPROBE_SOURCE_FRAMES_H

#include "source_definitions.h"

/* CPython 3.8 and later: 100 indentations (MAXINDENT), 200 brackets (MAXLEVEL). */
#define FRAMES_MAX 1000

enum frame_kind { FRAME_BLOCK, FRAME_HEADER, FRAME_BRACKET, FRAME_LAMBDA };

/* Of a bracket, in the order of the text. */
enum bracket_part { PART_ELEMENT, PART_TARGET, PART_FIRST_ITERABLE, PART_REST };

struct frame {
	enum frame_kind kind;
	uint32_t definition; /* NO_DEFINITION: the module's block */
	uint32_t around;     /* the definition whose scope the frame stands in */
	bool is_outside;     /* this part of the frame stands in that scope too */
	int64_t indent;	     /* of blocks and headers: of the line with the def or class */
	enum bracket_part part;
	char bracket;	   /* as it opens */
	bool has_colon;	   /* in its element, outside of lambdas */
	uint32_t line;	   /* of the bracket */
	uint32_t end_line; /* of the first token within, 0: not there yet */
};

/* Borrows the definitions. */
struct source_frames {
	struct definitions *definitions;
	unsigned int python_minor;
	uint32_t line_shift; /* from the line in the text to that which CPython reports */
	size_t floor; /* frames that the brackets of an expression within an f-string cannot close
		       */
	size_t nr_frames;
	struct frame stack[FRAMES_MAX];
};

struct frame *frames_top(struct source_frames *frames);
bool frames_is_top(struct source_frames *frames, enum frame_kind kind);
/* The definition in whose scope one would stand that begins here. */
uint32_t frames_scope(struct source_frames *frames);
uint32_t frames_reported(const struct source_frames *frames, uint32_t line);

/* A fresh definition in that scope; without a name as yet. */
uint32_t frames_define(struct source_frames *frames, enum definition_kind kind, uint32_t line);
void frames_name(struct source_frames *frames, uint32_t definition, const char *name,
		 size_t length);

/* The caller has seen that there is room. */
struct frame *frames_push(struct source_frames *frames, enum frame_kind kind, uint32_t definition);
void frames_pop(struct source_frames *frames);

/* A lambda's body ends where its brackets or its statement go on; its parameters do not. */
void frames_end_lambdas(struct source_frames *frames);
void frames_open_bracket(struct source_frames *frames, char bracket, uint32_t line);
void frames_close_bracket(struct source_frames *frames);
void frames_open_lambda(struct source_frames *frames, uint32_t line);

/* The words that part a comprehension. Its first iterable stands in the scope around it, because
 * compiler_comprehension passes it to the code object as an argument. */
void frames_take_for(struct source_frames *frames);
void frames_take_in(struct source_frames *frames);
void frames_take_if(struct source_frames *frames);

#endif
