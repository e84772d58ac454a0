/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF tables of which the drain keeps no copy. */
#ifndef MEMPROBE_DRAIN_TABLES_H
#define MEMPROBE_DRAIN_TABLES_H

#include "drain_base.h"
#include "drain_images.h"

/* Takes out the entries of images that are past. */
void drain_tables_sweep(const struct drain_base *base, const struct drain_images *images);

#endif
