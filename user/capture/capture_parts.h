/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a capture: made, and told of each other. Each gives 0, or the exit status after an
 * error was printed. */
#ifndef MEMPROBE_CAPTURE_PARTS_H
#define MEMPROBE_CAPTURE_PARTS_H

#include "capture_state.h"

int capture_parts_open_drain(struct capture *capture);
int capture_parts_make(struct capture *capture);
int capture_parts_listen_to_drain(struct capture *capture);
int capture_parts_listen_to_flushes(struct capture *capture);

#endif
