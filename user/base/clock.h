/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock that BPF programs stamp their records with. */
#ifndef MEMPROBE_CLOCK_H
#define MEMPROBE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC, nanoseconds. */
uint64_t clock_ns(void);

#endif
