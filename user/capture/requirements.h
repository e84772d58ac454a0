/* SPDX-License-Identifier: BSD-2-Clause */
/* What memprobe needs of the place where it runs. */
#ifndef MEMPROBE_REQUIREMENTS_H
#define MEMPROBE_REQUIREMENTS_H

#include <stdbool.h>

/* Capabilities by what they are needed for. */
enum requirement {
	REQUIREMENT_LOAD,    /* nothing works without */
	REQUIREMENT_OTHERS,  /* processes of other users */
	REQUIREMENT_DELETED, /* libraries that were deleted or replaced */
};

#define REQUIREMENT_HINT_LOAD                                                  \
	"run it with sudo, or once: setcap cap_bpf,cap_perfmon,cap_sys_ptrace=ep memprobe; in a "  \
	"container: docker --cap-add=BPF,PERFMON,SYS_PTRACE"
#define REQUIREMENT_HINT_USERS                                                                     \
	"run it on the host, or in a container with the host's users (docker --userns=host)"
#define REQUIREMENT_HINT_PIDS                                                                      \
	"run it on the host, or in a container with the host's pid space (docker --pid=host)"
#define REQUIREMENT_HINT_OTHERS                                                                    \
	"run it with sudo, or give it CAP_SYS_PTRACE: it is needed for other users' processes"

/* The names of those that are missing, "" for none: a static text. */
const char *requirement_missing(enum requirement what);
/* Capabilities of a user namespace's root do not count for BPF. */
bool requirement_has_host_users(void);
/* The BPF side knows processes by the numbers of the first pid namespace. */
bool requirement_has_host_pids(void);

#endif
