/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a capture was, as the record of section meta.
 */
#ifndef MEMPROBE_DUMP_META_H
#define MEMPROBE_DUMP_META_H

#include "packed_bytes.h"
#include "profile.h"

void dump_meta_put(struct packed_bytes *to, const struct profile_meta *meta);

#endif
