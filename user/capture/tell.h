/* SPDX-License-Identifier: BSD-2-Clause */
/* What a capture will miss: said at once, or when the command has ended. */
#ifndef MEMPROBE_TELL_H
#define MEMPROBE_TELL_H

#include "log.h"

/* `waits`: a command runs, whose own output is not to begin with it, nor to be parted by it. */
#define TELL_MISSING(waits, ...) ((waits) ? log_later(__VA_ARGS__) : log_warning(__VA_ARGS__))

#endif
