/* SPDX-License-Identifier: BSD-2-Clause */
/* What a capture waits for, and what it does then: records, signals, the time of a flush. */
#ifndef MEMPROBE_CAPTURE_TURNS_H
#define MEMPROBE_CAPTURE_TURNS_H

#include "capture_state.h"

/* Until signals are taken they end memprobe, as they end any program. */
void capture_turns_hear_inspector(struct capture *capture, bool takes_signals);
/* 0, or the exit status after an error was printed. */
int capture_turns_open(struct capture *capture);
int capture_turns_begin_timers(struct capture *capture);
/* Until it is over. */
void capture_turns_run(struct capture *capture);

#endif
