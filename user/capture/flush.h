/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Brings the profile up to date with what the BPF side knows, every half second and at the end, and
 * tells those who have something to do then.
 */
#ifndef MEMPROBE_FLUSH_H
#define MEMPROBE_FLUSH_H

#include <stddef.h>
#include <stdint.h>

#include "capture_base.h"
#include "flush_listener.h"

struct flush {
	const struct capture_base *base;
	uint64_t start_ns;
	const struct flush_listener *listeners; /* told in this order; borrowed */
	size_t nr_listeners;
};

void flush_now(const struct flush *flush);
/* Detaches the programs, reads what they have left, and tells of the end. Once, then no more. */
void flush_end(const struct flush *flush);

#endif
