/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for libbpf's: a program is a function of its arguments. */
#ifndef MEMPROBE_HOST_BPF_TRACING_H
#define MEMPROBE_HOST_BPF_TRACING_H

#define BPF_PROG(name, ...) name(__VA_ARGS__)

#endif
