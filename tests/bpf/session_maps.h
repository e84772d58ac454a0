/* SPDX-License-Identifier: BSD-2-Clause */
/* Between session.c, which has the programs and their maps, and session_report.c. */
#ifndef MEMPROBE_SESSION_MAPS_H
#define MEMPROBE_SESSION_MAPS_H

#include "host/host.h"
#include "session.h"

struct host_record *session_next_record(void);
const struct wire_image *session_image_at(__u32 slot);
/* Losses without an image. */
bool session_loss(__u32 reason, __u64 *ret_events, __u64 *ret_pages);

/* Drops what was drained. */
void session_forget(void);

#endif
