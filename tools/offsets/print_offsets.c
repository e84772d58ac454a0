/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints what CPython's own headers say about every field of struct wire_layout, one
 * `field value` a line, in the order of user/target/offset_table.def. Compiled against one
 * version's headers by print_offsets.sh. This is how the numbers of the table were obtained.
 */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <frameobject.h>
#include <stddef.h>
#include <stdio.h>
#if PY_VERSION_HEX >= 0x03080000
#include <internal/pycore_pystate.h>
#elif PY_VERSION_HEX >= 0x03070000
#include <internal/pystate.h>
#endif
#if PY_VERSION_HEX >= 0x03090000
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>
#endif
#if PY_VERSION_HEX >= 0x030b0000
#include <internal/pycore_code.h>
#include <internal/pycore_frame.h>
#endif
#if PY_VERSION_HEX >= 0x030e0000
#include <internal/pycore_interpframe.h>
#include <internal/pycore_interpframe_structs.h>
#include <internal/pycore_stackref.h>
#endif

#define NONE 0xffff

static void print(const char *field, size_t value)
{
	printf("%s %zu\n", field, value);
}

#define PRINT(field, type, member) print(field, offsetof(type, member))

/* Bits of a bit field within its 32-bit word: set it to all ones and look. */
#define STATE_BITS(member)                                             \
	({                                                             \
		union {                                                \
			__typeof__(((PyASCIIObject *)0)->state) state; \
			unsigned int word;                             \
		} bits = { .word = 0 };                                \
		bits.state.member = ~0;                                \
		bits.word;                                             \
	})

static void print_runtime(void)
{
#if PY_VERSION_HEX >= 0x030f0000
	print("runtime_key", NONE);
#elif PY_VERSION_HEX >= 0x030c0000
	PRINT("runtime_key", _PyRuntimeState, autoTSSkey._key);
#elif PY_VERSION_HEX >= 0x03070000
	PRINT("runtime_key", _PyRuntimeState, gilstate.autoTSSkey._key);
#else
	print("runtime_key", NONE);
#endif
#if PY_VERSION_HEX >= 0x03090000
	PRINT("runtime_finalizing", _PyRuntimeState, _finalizing);
#elif PY_VERSION_HEX >= 0x03070000
	PRINT("runtime_finalizing", _PyRuntimeState, finalizing);
#else
	print("runtime_finalizing", NONE);
#endif
}

static void print_interpreters(void)
{
#if PY_VERSION_HEX >= 0x03070000
	PRINT("runtime_interpreters", _PyRuntimeState, interpreters.head);
	PRINT("interp_next", PyInterpreterState, next);
#else
	print("runtime_interpreters", NONE);
	print("interp_next", NONE);
#endif
#if PY_VERSION_HEX >= 0x030b0000
	PRINT("interp_threads", PyInterpreterState, threads.head);
#elif PY_VERSION_HEX >= 0x03070000
	PRINT("interp_threads", PyInterpreterState, tstate_head);
#else
	print("interp_threads", NONE);
#endif
	PRINT("tstate_next", PyThreadState, next);
	PRINT("tstate_thread", PyThreadState, thread_id);
}

static void print_thread(void)
{
	PRINT("tstate_interp", PyThreadState, interp);
#if PY_VERSION_HEX >= 0x030d0000
	PRINT("tstate_frame", PyThreadState, current_frame);
	print("cframe_frame", NONE);
#elif PY_VERSION_HEX >= 0x030b0000
	PRINT("tstate_frame", PyThreadState, cframe);
	PRINT("cframe_frame", _PyCFrame, current_frame);
#else
	PRINT("tstate_frame", PyThreadState, frame);
	print("cframe_frame", NONE);
#endif
#if PY_VERSION_HEX >= 0x030a0000 && PY_VERSION_HEX < 0x030d0000
	PRINT("tstate_cframe", PyThreadState, cframe);
#else
	print("tstate_cframe", NONE);
#endif
#if PY_VERSION_HEX >= 0x030e0000
	PRINT("interp_generation", PyInterpreterState, _code_object_generation);
#elif PY_VERSION_HEX >= 0x030d0000
	PRINT("interp_generation", PyInterpreterState, func_state.next_version);
#else
	print("interp_generation", NONE);
#endif
}

static void print_frame(void)
{
#if PY_VERSION_HEX >= 0x030d0000
	PRINT("frame_code", _PyInterpreterFrame, f_executable);
	PRINT("frame_back", _PyInterpreterFrame, previous);
	PRINT("frame_instr", _PyInterpreterFrame, instr_ptr);
#elif PY_VERSION_HEX >= 0x030b0000
	PRINT("frame_code", _PyInterpreterFrame, f_code);
	PRINT("frame_back", _PyInterpreterFrame, previous);
	PRINT("frame_instr", _PyInterpreterFrame, prev_instr);
#else
	PRINT("frame_code", PyFrameObject, f_code);
	PRINT("frame_back", PyFrameObject, f_back);
	PRINT("frame_instr", PyFrameObject, f_lasti);
#endif
#if PY_VERSION_HEX >= 0x030b0000
	PRINT("frame_owner", _PyInterpreterFrame, owner);
#else
	print("frame_owner", NONE);
#endif
#if PY_VERSION_HEX >= 0x03090000 && PY_VERSION_HEX < 0x030b0000
	PRINT("frame_gen", PyFrameObject, f_gen);
#else
	print("frame_gen", NONE); /* it has an owner, or nobody asks */
#endif
#if PY_VERSION_HEX >= 0x030e0000
	print("owner_shim_min", FRAME_OWNED_BY_INTERPRETER);
#elif PY_VERSION_HEX >= 0x030c0000
	print("owner_shim_min", FRAME_OWNED_BY_CSTACK);
#else
	print("owner_shim_min", NONE);
#endif
#if PY_VERSION_HEX >= 0x030e0000
	print("tag_mask", Py_TAG_BITS);
#else
	print("tag_mask", 0); /* f_executable is a plain pointer */
#endif
}

/* Where `self` is found. */
static void print_variables(void)
{
#if PY_VERSION_HEX >= 0x030b0000
	PRINT("code_varnames", PyCodeObject, co_localsplusnames);
	PRINT("code_kinds", PyCodeObject, co_localspluskinds);
	print("code_nlocals", NONE);
	print("code_cellvars", NONE);
	PRINT("frame_locals", _PyInterpreterFrame, localsplus);
#else
	PRINT("code_varnames", PyCodeObject, co_varnames);
	print("code_kinds", NONE);
	PRINT("code_nlocals", PyCodeObject, co_nlocals);
	PRINT("code_cellvars", PyCodeObject, co_cellvars);
	PRINT("frame_locals", PyFrameObject, f_localsplus);
#endif
	PRINT("tuple_items", PyTupleObject, ob_item);
	PRINT("object_type", PyObject, ob_type);
	PRINT("type_name", PyTypeObject, tp_name);
	PRINT("cell_content", PyCellObject, ob_ref);
}

static void print_code(void)
{
	PRINT("code_firstlineno", PyCodeObject, co_firstlineno);
	PRINT("code_flags", PyCodeObject, co_flags);
	PRINT("code_argcount", PyCodeObject, co_argcount);
	print_variables();
#if PY_VERSION_HEX >= 0x030c0000
	PRINT("code_version", PyCodeObject, co_version);
#else
	print("code_version", NONE);
#endif
	PRINT("code_filename", PyCodeObject, co_filename);
	PRINT("code_name", PyCodeObject, co_name);
#if PY_VERSION_HEX >= 0x030b0000
	PRINT("code_qualname", PyCodeObject, co_qualname);
#else
	print("code_qualname", NONE);
#endif
#if PY_VERSION_HEX >= 0x030a0000
	PRINT("code_linetable", PyCodeObject, co_linetable);
#else
	PRINT("code_linetable", PyCodeObject, co_lnotab);
#endif
#if PY_VERSION_HEX >= 0x030b0000
	PRINT("code_adaptive", PyCodeObject, co_code_adaptive);
#else
	print("code_adaptive", NONE);
#endif
}

static void print_objects(void)
{
	PRINT("str_length", PyASCIIObject, length);
	PRINT("str_hash", PyASCIIObject, hash);
	PRINT("str_state", PyASCIIObject, state);
	print("str_ascii_data", sizeof(PyASCIIObject));
	print("str_compact_data", sizeof(PyCompactUnicodeObject));
#if PY_VERSION_HEX >= 0x030c0000
	print("str_legacy_data", NONE);
#else
	PRINT("str_legacy_data", PyUnicodeObject, data);
#endif
	print("str_kind_mask", STATE_BITS(kind));
	print("str_kind_shift", (size_t)__builtin_ctz(STATE_BITS(kind)));
	print("str_compact_mask", STATE_BITS(compact));
	print("str_ascii_mask", STATE_BITS(ascii));
	PRINT("bytes_size", PyVarObject, ob_size);
	PRINT("bytes_data", PyBytesObject, ob_sval);
}

int main(void)
{
	print_runtime();
	print_interpreters();
	print_thread();
	print_frame();
	print_code();
	print_objects();
	return 0;
}
