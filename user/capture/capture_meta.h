/* SPDX-License-Identifier: BSD-2-Clause */
/* What a profile says of the run that it was measured in. */
#ifndef MEMPROBE_CAPTURE_META_H
#define MEMPROBE_CAPTURE_META_H

#include "profile.h"
#include "capture_options.h"

void capture_meta_fill(const struct capture_options *options, struct profile_meta *ret);

#endif
