/* SPDX-License-Identifier: BSD-2-Clause */
/* A profile with functions of C below those of Python; see golden_profiles.h. */
#include "golden_profiles.h"

#include "profile_builder.h"

#define SCRIPT "/home/u/run.py"
#define NUMERIC "/usr/lib/python3/dist-packages/numpy/core/numeric.py"
#define PYTHON "/usr/bin/python3.11"
#define LIBC "/usr/lib/x86_64-linux-gnu/libc.so.6"
#define UMATH "/usr/lib/python3/dist-packages/numpy/core/_multiarray_umath.so"
#define PARSER "/usr/lib/python3/dist-packages/pandas/_libs/pandas_parser.so"

/* Of the call of a function of C: the interpreter's own, of which the last is returned. */
static uint32_t add_call(struct profile_builder *builder, uint32_t parent)
{
	parent = builder_c(builder, parent, PYTHON, "_PyEval_Vector", 0x5a0100, 0);
	return builder_c(builder, parent, PYTHON, "cfunction_call", 0x5a0800, 0.25);
}

static void hold(struct profile_builder *builder, uint32_t node, double mb)
{
	builder_hold(builder, node, KIND_ANON, mb, mb);
}

/* Two ways to one function of a library, and what the C library does for it. */
static void add_arrays(struct profile_builder *builder, uint32_t parent)
{
	uint32_t ones = builder_python(builder, parent, NUMERIC, "ones", 1), node;

	builder_calls(builder, ones, 3);
	node = builder_c(builder, add_call(builder, ones), UMATH, "array_empty", 0x1a2b0, 2);
	node = builder_c(builder, node, UMATH, "PyArray_NewFromDescr_int", 0x1b000, 0);
	node = builder_c(builder, node, LIBC, "malloc", 0xa0cb0, 1);
	builder_c(builder, node, LIBC, "sysmalloc", 0x9e2a0, 1.5);
	node = builder_c(builder, add_call(builder, parent), UMATH, "array_copyto", 0x1c000, 0);
	node = builder_c(builder, node, UMATH, "raw_array_assign_array", 0x1d000, 64);
	hold(builder, node, 64);
	hold(builder, builder_c(builder, node, LIBC, "", 0x187a00, 16), 16);
}

/* Of a library without names. */
static void add_parser(struct profile_builder *builder, uint32_t parent)
{
	uint32_t read = builder_python(builder, parent, SCRIPT, "Table.read", 3), node;

	builder_calls(builder, read, 1);
	node = builder_c(builder, add_call(builder, read), PARSER, "", 0x1f2e0, 8);
	builder_c(builder, node, PARSER, "tokenize\033[31m;rows", 0x20000, 32);
	builder_c(builder, node, PYTHON, "PyList_New", 0x5b0000, 4);
}

struct profile *golden_native(void)
{
	struct profile_builder builder = builder_new();
	uint32_t main, load;

	builder_process(&builder, 4711, "python3 run.py", "3.11.2");
	builder_count(&builder, CALLS_BY_USDT, true, "");
	main = builder_python(&builder, NO_NODE, SCRIPT, "<module>", 2);
	builder_calls(&builder, main, 1);
	hold(&builder, main, 2);
	load = builder_python(&builder, main, SCRIPT, "load", 1);
	builder_calls(&builder, load, 2);
	add_arrays(&builder, load);
	add_parser(&builder, main);
	builder_c(&builder, main, PYTHON, "PyUnicode_New", 0x5c0000, -0.5);
	builder_finish(&builder);
	return builder.profile;
}
