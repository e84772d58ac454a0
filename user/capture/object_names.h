/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that objects bear: the first of some attributes that holds a str, read from the running
 * process.
 */
#ifndef MEMPROBE_OBJECT_NAMES_H
#define MEMPROBE_OBJECT_NAMES_H

#include <stdint.h>
#include <sys/types.h>

#include <memprobe/wire.h>

struct object_names;

/* `attributes`: names parted by commas. */
struct object_names *object_names_new(const char *attributes);
void object_names_free(struct object_names *names);

/* How a process is laid out; of a version that cannot be read nothing is. */
void object_names_set(struct object_names *names, uint32_t process, pid_t pid,
		      const struct wire_layout *layout);

/* The name of an object with this type, owned by the caller; NULL: it has none, or none yet, or
 * another object is there by now. */
char *object_names_read(struct object_names *names, uint32_t process, uint64_t address,
			uint64_t type);

#endif
