/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Follows who wakes native threads (bpf/wakes.h), from when the BPF side first asks for it: each
 * wake-up of the machine then runs into a program, and most runs never need it.
 */
#ifndef MEMPROBE_WAKES_H
#define MEMPROBE_WAKES_H

#include "capture_base.h"
#include "drain_listener.h"

struct wakes;

/* NULL: there are no owners, without which nothing asks. */
struct wakes *wakes_new(const struct capture_base *base);
void wakes_free(struct wakes *wakes);			     /* accepts NULL */
struct drain_listener wakes_hear_drain(struct wakes *wakes); /* accepts NULL */

#endif
