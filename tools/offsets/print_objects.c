/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints what CPython's own headers say about every field of struct python_layout and the common
 * offsets of python_reader.h, one `field value` a line, in the order of print_object_table.c.
 * Compiled against one version's headers by check_objects.sh. Fields that no installed header of the
 * version describes (PyDictKeysObject to 3.10) are left out.
 */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <stddef.h>
#include <stdio.h>
#if PY_VERSION_HEX >= 0x030b0000
#include <internal/pycore_dict.h>
#include <internal/pycore_object.h>
#endif

#define NONE 0xffff

static void print(const char *field, size_t value)
{
	printf("%s %zu\n", field, value);
}

#define PRINT(field, type, member) print(field, offsetof(type, member))

static void print_types(void)
{
	PRINT("OBJECT_TYPE", PyObject, ob_type);
	PRINT("OBJECT_SIZE", PyVarObject, ob_size);
	print("OBJECT_BYTES", sizeof(PyObject));
	PRINT("TYPE_NAME", PyTypeObject, tp_name);
	PRINT("TYPE_BASICSIZE", PyTypeObject, tp_basicsize);
	PRINT("TYPE_ITEMSIZE", PyTypeObject, tp_itemsize);
	PRINT("TYPE_FLAGS", PyTypeObject, tp_flags);
	PRINT("TYPE_WEAKLISTOFFSET", PyTypeObject, tp_weaklistoffset);
	PRINT("TYPE_MEMBERS", PyTypeObject, tp_members);
	PRINT("TYPE_DICT", PyTypeObject, tp_dict);
	PRINT("TYPE_DICTOFFSET", PyTypeObject, tp_dictoffset);
	PRINT("TYPE_MRO", PyTypeObject, tp_mro);
	PRINT("tuple_items", PyTupleObject, ob_item);
	PRINT("type_qualname", PyHeapTypeObject, ht_qualname);
	PRINT("type_cached_keys", PyHeapTypeObject, ht_cached_keys);
}

static void print_dicts(void)
{
	PRINT("dict_keys", PyDictObject, ma_keys);
	PRINT("dict_values", PyDictObject, ma_values);
#if PY_VERSION_HEX >= 0x030b0000
	PRINT("keys_log2_size", PyDictKeysObject, dk_log2_size);
	PRINT("keys_log2_indexbytes", PyDictKeysObject, dk_log2_index_bytes);
	PRINT("keys_kind", PyDictKeysObject, dk_kind);
	PRINT("keys_nentries", PyDictKeysObject, dk_nentries);
	PRINT("keys_indices", PyDictKeysObject, dk_indices);
	PRINT("values_items", struct _dictvalues, values);
#endif
#if PY_VERSION_HEX >= 0x030d0000
	PRINT("values_capacity", struct _dictvalues, capacity);
	PRINT("values_valid", struct _dictvalues, valid);
#endif
}

static void print_managed(void)
{
#if PY_VERSION_HEX >= 0x030d0000
	print("managed_dict", (size_t)-MANAGED_DICT_OFFSET);
#elif PY_VERSION_HEX >= 0x030c0000
	print("managed_dict", 64 - ((char *)_PyObject_DictOrValuesPointer((PyObject *)64) - (char *)0));
#elif PY_VERSION_HEX >= 0x030b0000
	print("managed_values", 64 - ((char *)_PyObject_ValuesPointer((PyObject *)64) - (char *)0));
	print("managed_dict", 64 - ((char *)_PyObject_ManagedDictPointer((PyObject *)64) - (char *)0));
#endif
#if PY_VERSION_HEX >= 0x030c0000
	PRINT("long_tag", PyLongObject, long_value.lv_tag);
#endif
}

int main(void)
{
	print_types();
	print_dicts();
	print_managed();
	return 0;
}
