/* SPDX-License-Identifier: BSD-2-Clause */
/* What memprobe needs of the place where it runs. */
#ifndef MEMPROBE_REQUIREMENTS_H
#define MEMPROBE_REQUIREMENTS_H

#include <stdbool.h>

/* Root's rights, or CAP_BPF and CAP_PERFMON. */
bool requirement_may_load(void);
/* The BPF side knows processes by the numbers of the first pid namespace. */
bool requirement_has_host_pids(void);

#endif
