/* SPDX-License-Identifier: BSD-2-Clause */
/* Classes that an object of a running Python is of; see python_object.h for how they are read. */
#ifndef MEMPROBE_PYTHON_CLASS_H
#define MEMPROBE_PYTHON_CLASS_H

#include <stdbool.h>
#include <stdint.h>

#include "python_reader.h"

/* Is it of this class or of one derived from it? What cannot be read is none. */
bool python_class_derives(struct python_reader *reader, uint64_t object, const char *module,
			  const char *name);

#endif
