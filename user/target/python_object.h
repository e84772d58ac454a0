/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an object of a running Python is and has, read from outside: the names of its type, the text
 * of an attribute that lies in the object itself, what is in a cell. No code of the target runs, so
 * a property, a __getattr__ or an attribute of the class is no answer.
 *
 * Functions return 0 or: -EINVAL, no sense in what is there; -E2BIG, beyond a limit; -EAGAIN, it
 * changed meanwhile; or what reading failed with (-EFAULT, -ESRCH, ...). CPython 3.6 to 3.15 with
 * the GIL. An attribute of an ordinary object takes 6 to 9 reads, one it has not 10 to 13.
 */
#ifndef MEMPROBE_PYTHON_OBJECT_H
#define MEMPROBE_PYTHON_OBJECT_H

#include <stdint.h>

#include "python_reader.h"

struct python_type {
	uint64_t address; /* type objects die, and others take their places */
	char *name;	  /* tp_name: "K", "collections.OrderedDict" */
	char *module;	  /* __module__ where it is a str, else "" */
	char *qualname;	  /* __qualname__ */
};

/* The type of an object; the names are owned by the struct. */
int python_object_type(struct python_reader *reader, uint64_t object, struct python_type *ret);
/* Of a type itself. */
int python_type_read(struct python_reader *reader, uint64_t address, struct python_type *ret);
void python_type_clear(struct python_type *type);

/*
 * The value of an attribute that stands in the object's __dict__ (or in what it has instead of one)
 * or in a slot, a slot first, as Python does. What a subclass puts in a slot's place is not seen.
 * The text is UTF-8 and owned by the caller, see python_string_read(). -ENOENT: no such attribute
 * in the object; -ENOMSG: it is None, or its slot is empty; -EINVAL: also when it is no str.
 * Pages that the reader keeps are used to find it, its text is read anew.
 */
int python_object_attribute(struct python_reader *reader, uint64_t object, const char *name,
			    char **ret_text);

/* The object that is the value of such an attribute; it may be another by now. -ENOMSG: its slot is
 * empty. */
int python_object_value(struct python_reader *reader, uint64_t object, const char *name,
			uint64_t *ret_value);

/* What is in a cell, or the object itself when it is none: type PyCell_Type, an exported symbol,
 * whose address the caller knows. -ENOENT: an empty cell. */
int python_object_uncell(const struct python_reader *reader, uint64_t object, uint64_t cell_type,
			 uint64_t *ret_object);

#endif
