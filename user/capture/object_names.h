/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that objects bear: the first of some attributes that holds a str, read from the running
 * process by the inspecting one.
 */
#ifndef MEMPROBE_OBJECT_NAMES_H
#define MEMPROBE_OBJECT_NAMES_H

#include <stdint.h>
#include <sys/types.h>

#include "inspect_texts.h"

struct object_names;

/* `attributes`: names parted by commas. Borrows the inspector. */
struct object_names *object_names_new(const char *attributes, struct inspector *inspector);
void object_names_free(struct object_names *names);

/* How a process is laid out; of a version that cannot be read nothing is. */
void object_names_set(struct object_names *names, uint32_t process, pid_t pid,
		      const struct wire_layout *layout);

/* Names of objects of one process, up to INSPECT_OBJECT_BATCH; see inspect_object_names().
 * Without an answer its status. */
int object_names_read(struct object_names *names, uint32_t process,
		      const struct inspect_object *objects, size_t count, char **ret_names);

#endif
