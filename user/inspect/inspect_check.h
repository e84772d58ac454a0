/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checks of answers of several kinds share. */
#ifndef MEMPROBE_INSPECT_CHECK_H
#define MEMPROBE_INSPECT_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* A text of ours: ASCII without controls, and ended. */
bool inspect_is_plain(const char *text, size_t size);

#endif
