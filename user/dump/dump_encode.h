/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile, or what is new in it, as the sections of one block. What a file holds already is
 * known from marks.
 */
#ifndef MEMPROBE_DUMP_ENCODE_H
#define MEMPROBE_DUMP_ENCODE_H

#include <stdint.h>

#include "dump_block.h"
#include "dump_marks.h"
#include "profile.h"

/* Puts what the marks lack, after dump_choose. Returns the bytes of records that supersede earlier
 * ones. */
uint64_t dump_encode(struct dump_block *block, const struct profile *profile,
		     const struct dump_marks *marks);

#endif
