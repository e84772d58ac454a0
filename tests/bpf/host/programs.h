/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF programs and everything they are made of, as C of the host. Defines their maps: one file
 * of a program includes this, after the system's headers.
 */
#ifndef MEMPROBE_HOST_PROGRAMS_H
#define MEMPROBE_HOST_PROGRAMS_H

#include "host.h"

#define on_exit program_on_exit /* stdlib.h has another */
#define IS_USER_ADDRESS(address) host.finds_room

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include "../../../bpf/memprobe.bpf.c"
#pragma GCC diagnostic pop

#undef asm
#undef on_exit

#endif
