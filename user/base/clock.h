/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's clocks, in nanoseconds. */
#ifndef MEMPROBE_CLOCK_H
#define MEMPROBE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC: BPF programs stamp their records with it. */
uint64_t clock_ns(void);
/* CLOCK_REALTIME: files are dated by it. */
uint64_t clock_wall_ns(void);
/* CLOCK_BOOTTIME: /proc says by it when a process began. */
uint64_t clock_boot_ns(void);

#endif
