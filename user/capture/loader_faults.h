/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page faults where the kernel has no tracepoints of them (arm64): the software event of perf that
 * counts them, of every CPU, with a BPF program each time. A CPU that comes online later has none.
 */
#ifndef MEMPROBE_LOADER_FAULTS_H
#define MEMPROBE_LOADER_FAULTS_H

#include <stddef.h>

struct loader_faults {
	int *events; /* fds, one a CPU */
	size_t nr_events;
};

/* Attaches the loaded program `fd`. 0 or -errno, and then nothing is attached. */
int loader_faults_attach(struct loader_faults *faults, int program);
void loader_faults_detach(struct loader_faults *faults);

#endif
