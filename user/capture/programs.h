/* SPDX-License-Identifier: BSD-2-Clause */
/* The BPF programs, loaded and attached for what a capture wants; prints why they cannot be. */
#ifndef MEMPROBE_PROGRAMS_H
#define MEMPROBE_PROGRAMS_H

#include "interpreters.h"
#include "loader.h"
#include "capture_options.h"

/* All return 0, or the exit status after printing. */
int programs_load(const struct capture_options *options, const struct interpreters *interpreters,
		  struct loader *ret);
int programs_attach(struct loader *loader);
/* ppid 0: whatever it is. */
int programs_follow(struct loader *loader, uint32_t tgid, uint32_t ppid);

#endif
