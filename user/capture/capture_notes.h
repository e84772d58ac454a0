/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a capture while it runs, where no part of it has more to do with it. */
#ifndef MEMPROBE_CAPTURE_NOTES_H
#define MEMPROBE_CAPTURE_NOTES_H

#include "capture_base.h"
#include "drain_listener.h"

struct drain_listener capture_notes_hear_drain(const struct capture_base *base);
/* A kind of question to the inspecting process has failed too often. */
void capture_notes_gave_up(const struct capture_base *base, const char *what);

#endif
