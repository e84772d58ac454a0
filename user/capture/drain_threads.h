/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads into process entries. */
#ifndef MEMPROBE_DRAIN_THREADS_H
#define MEMPROBE_DRAIN_THREADS_H

#include "drain_base.h"
#include "drain_images.h"

void drain_threads_end(const struct drain_base *base, const struct drain_images *images,
		       const struct wire_thread_end *record);
/* Those that still run, and go on. */
void drain_threads_read(const struct drain_base *base, const struct drain_images *images);
/* The same at the end of a capture; once. */
void drain_threads_finish(const struct drain_base *base, const struct drain_images *images,
			  uint64_t now_ns);

#endif
