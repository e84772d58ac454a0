/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers of requests about files with code that is no Python. */
#ifndef MEMPROBE_INSPECT_UNWIND_H
#define MEMPROBE_INSPECT_UNWIND_H

#include "inspect_service.h"

void inspect_handle_unwind(void *context, const void *given, size_t size,
			   struct inspect_reply *reply);
void inspect_handle_functions(void *context, const void *given, size_t size,
			      struct inspect_reply *reply);

#endif
