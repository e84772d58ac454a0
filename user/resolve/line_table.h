/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line of an instruction, from the table that a code object has of its lines: co_lnotab of
 * CPython 3.6 to 3.9, co_linetable of 3.10, the location table of 3.11 and later (3.11 to 3.15 are
 * tested, later ones are taken for the same). Pure: where the bytes come from is left to others,
 * and any bytes are safe. Versions are major << 8 | minor. Offsets are bytes of bytecode.
 */
#ifndef MEMPROBE_LINE_TABLE_H
#define MEMPROBE_LINE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Offsets that stand for no instruction. */
#define LINE_TABLE_NOT_STARTED UINT32_MAX   /* the frame is new: its line is the first one */
#define LINE_TABLE_NOWHERE (UINT32_MAX - 1) /* what was read cannot be a place in bytecode */

/*
 * The offset of the instruction that a frame executes, in a frame that waits for its callee that of
 * the call, from the `position` that is read of the frame:
 *
 * 3.6 to 3.9   f_lasti as it is: bytes, -1 in a new frame. An instruction that PREDICT() jumps to
 *              does not store it (builds without computed gotos): it names the one before.
 * 3.10         f_lasti as it is: units of two bytes, -1 in a new frame (frame.f_lasti in Python is
 *              twice that).
 * 3.11, 3.12   prev_instr - code in bytes, where code is the code object's address plus the offset
 *              of co_code_adaptive. It is the last code unit begun; in a frame that waits it may
 *              have moved on to the last inline cache of the call, which the table counts to the
 *              call. In a new frame it is one unit before the code: -2.
 * 3.13 to 3.15 instr_ptr - code in bytes: the instruction itself. It stays on the call while the
 *              callee runs: return_offset is added on return, and must not be here. In a new frame
 *              it is 0. In a suspended generator it is past the yield, but no such frame is in a
 *              thread's chain: one that waits in `yield from` or `await` stands on its SEND.
 * 3.14t, 3.15t the same, but code is the thread's copy of the bytecode, in co_tlbc->entries at the
 *              frame's tlbc_index (entry 0 is co_code_adaptive). 3.13t has no copies.
 *
 * CPython itself takes nothing more for f_lineno and tracebacks: PyFrame_GetLineNumber and
 * PyUnstable_InterpreterFrame_GetLine (Objects/frameobject.c, Python/frame.c) hand
 * _PyInterpreterFrame_LASTI (pycore_frame.h, since 3.14 pycore_interpframe.h) to PyCode_Addr2Line.
 * A frame before its first RESUME (_co_firsttraceable) has a position too, on its first lines.
 */
uint32_t line_table_offset(uint16_t version, int64_t position);

/*
 * The line, or 0: the instruction has none (the compiler made it up), or lies behind the end of the
 * table or of its good part, or CPython is older than 3.6. The same as PyCode_Addr2Line
 * (Objects/codeobject.c), but that 0 stands for -1 and all lines below 1.
 *
 * co_lnotab does not tell where the code ends: its last line goes for all that follows. So a cut
 * one gives wrong lines behind the cut, where the tables of 3.10 and later give 0.
 */
int line_table_find(uint16_t version, const uint8_t *table, size_t size, int first_line,
		    uint32_t offset);

/* Neighbours can have the same line. */
struct line_range {
	uint32_t start;
	uint32_t end; /* not included; LINE_TABLE_NOWHERE for the last of co_lnotab */
	int line;     /* 0: none */
};

/* A walk through a table, which it borrows. */
struct line_table {
	uint16_t version;
	bool is_malformed; /* after the last range: the table went on, unreadable */
	const uint8_t *next;
	const uint8_t *limit;
	uint32_t offset; /* where the next range starts */
	int64_t line;	 /* reached so far: deltas may lead below 1 and back */
};

void line_table_begin(uint16_t version, const uint8_t *table, size_t size, int first_line,
		      struct line_table *ret);

/* The ranges in order, from offset 0, without gaps, none of them empty. False at the end. */
bool line_table_next(struct line_table *table, struct line_range *ret);

#endif
