/* SPDX-License-Identifier: BSD-2-Clause */
/* What the inspecting process does when it is asked what objects are called. */
#ifndef MEMPROBE_INSPECT_OBJECTS_H
#define MEMPROBE_INSPECT_OBJECTS_H

#include <stddef.h>

#include "inspect_service.h"

/* One of struct inspect_kind's. */
void inspect_handle_objects(void *context, const void *given, size_t size,
			    struct inspect_reply *reply);

#endif
