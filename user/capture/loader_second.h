/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second object on the maps of the first, for programs that are not wanted in every run. Silent;
 * nothing here touches the loader's own state, so that another thread may do it.
 */
#ifndef MEMPROBE_LOADER_SECOND_H
#define MEMPROBE_LOADER_SECOND_H

#include "loader.h"

/* Opens it: no program is to be loaded yet. 0, -errno; the caller destroys it. */
int loader_second_open(const struct loader *loader, struct memprobe **ret);

#endif
