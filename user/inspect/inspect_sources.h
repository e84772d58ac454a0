/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers of requests about source files. */
#ifndef MEMPROBE_INSPECT_SOURCES_H
#define MEMPROBE_INSPECT_SOURCES_H

#include "inspect_service.h"

void inspect_handle_name(void *context, const void *given, size_t size,
			 struct inspect_reply *reply);
void inspect_handle_lines(void *context, const void *given, size_t size,
			  struct inspect_reply *reply);

#endif
