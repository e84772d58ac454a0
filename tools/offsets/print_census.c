/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints what CPython's own headers say about the fields of struct census_layout, one `field value`
 * a line. Compiled against one version's headers by check_census.sh. What no header of a version
 * describes (3.6's collector) is left out.
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
#include <internal/pycore_gc.h>
#endif
#if PY_VERSION_HEX >= 0x030b0000
#include <internal/pycore_frame.h>
#endif
#if PY_VERSION_HEX >= 0x030e0000
#include <internal/pycore_interpframe.h>
#include <internal/pycore_genobject.h>
#endif

static void print(const char *field, size_t value)
{
	printf("%s %zu\n", field, value);
}

#define PRINT(field, type, member) print(field, offsetof(type, member))

static void print_collector(void)
{
	print("gc_head", sizeof(PyGC_Head));
#if PY_VERSION_HEX >= 0x03070000
	print("gc_generation", sizeof(struct gc_generation));
	print("gc_permanent", offsetof(struct _gc_runtime_state, permanent_generation) -
				      offsetof(struct _gc_runtime_state, generations));
#endif
#if PY_VERSION_HEX >= 0x03090000
	PRINT("gc_generations", PyInterpreterState, gc.generations);
#elif PY_VERSION_HEX >= 0x03070000
	PRINT("gc_generations", _PyRuntimeState, gc.generations);
#endif
}

static void print_interpreter(void)
{
#if PY_VERSION_HEX >= 0x030c0000
	PRINT("interp_modules", PyInterpreterState, imports.modules);
#else
	PRINT("interp_modules", PyInterpreterState, modules);
#endif
	PRINT("interp_sysdict", PyInterpreterState, sysdict);
	PRINT("interp_builtins", PyInterpreterState, builtins);
	print("interp_bytes", sizeof(PyInterpreterState));
	print("tstate_bytes", sizeof(PyThreadState));
}

static void print_frames(void)
{
	PRINT("code_stacksize", PyCodeObject, co_stacksize);
#if PY_VERSION_HEX >= 0x030b0000
	PRINT("code_nlocalsplus", PyCodeObject, co_nlocalsplus);
	PRINT("gen_frame", PyGenObject, gi_iframe);
	PRINT("gen_state", PyGenObject, gi_frame_state);
	PRINT("frame_object_frame", PyFrameObject, f_frame);
	PRINT("frame_object_data", PyFrameObject, _f_frame_data);
#if PY_VERSION_HEX >= 0x030e0000
	PRINT("frame_stacktop", _PyInterpreterFrame, stackpointer);
#else
	PRINT("frame_stacktop", _PyInterpreterFrame, stacktop);
#endif
#endif
}

int main(void)
{
	print_collector();
	print_interpreter();
	print_frames();
	print("type_bytes", sizeof(PyTypeObject));
	print("str_bytes", sizeof(PyUnicodeObject));
	return 0;
}
