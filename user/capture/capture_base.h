/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of a capture work on. They borrow it all; run.c owns it. */
#ifndef MEMPROBE_CAPTURE_BASE_H
#define MEMPROBE_CAPTURE_BASE_H

#include <stdbool.h>

#include "drain.h"
#include "interpreters.h"
#include "loader.h"
#include "profile.h"

struct capture_base {
	struct loader *loader;
	struct inspector *inspector;
	struct interpreters *interpreters;
	struct profile *profile;
	struct drain *drain;
	bool waits; /* as in tell.h */
};

#endif
