/* SPDX-License-Identifier: BSD-2-Clause */
/* What memprobe needs of the place where it runs. */
#ifndef MEMPROBE_REQUIREMENTS_H
#define MEMPROBE_REQUIREMENTS_H

#include <stdbool.h>
#include <sys/types.h>

/* Behind "cannot load" with EPERM, when nothing else lacks. */
#define REQUIREMENT_HINT_MEMLOCK \
	"before Linux 5.11 CAP_SYS_RESOURCE is needed too, or ulimit -l unlimited"

/* Capabilities by what they are needed for. */
enum requirement {
	REQUIREMENT_LOAD,   /* nothing works without */
	REQUIREMENT_OTHERS, /* processes of other users */
	REQUIREMENT_MEMORY, /* what is read of their memory by /proc */
	REQUIREMENT_FILES,  /* libraries that were deleted, or that this user may not read */
};

#define REQUIREMENT_HINT_LOAD                                                                     \
	"run it with sudo, or once: setcap cap_bpf,cap_perfmon,cap_sys_ptrace=ep memprobe; in a " \
	"container: docker --cap-add=BPF,PERFMON,SYS_PTRACE"
#define REQUIREMENT_HINT_USERS \
	"run it on the host, or in a container with the host's users (docker --userns=host)"
#define REQUIREMENT_HINT_PIDS \
	"run it on the host, or in a container with the host's pid space (docker --pid=host)"
#define REQUIREMENT_HINT_PROC "mount -t proc proc /proc"
#define REQUIREMENT_HINT_OTHERS \
	"run it with sudo, or give it CAP_SYS_PTRACE: it is needed for other users' processes"
#define REQUIREMENT_HINT_MEMORY                                                                 \
	"run it with sudo, or give it CAP_DAC_READ_SEARCH: it is needed to read the memory of " \
	"other users' processes"
#define REQUIREMENT_HINT_OTHERS_MEMORY                                                             \
	"run it with sudo, or give it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: they are needed to " \
	"read the memory of other users' processes"

#define REQUIREMENT_HINT_FILE "run it with sudo, or give it CAP_DAC_READ_SEARCH"

/* Of who has them already. */
#define REQUIREMENT_HINT_CLOSED                                                                   \
	"CAP_SYS_PTRACE does not open it: a security module or another user namespace keeps it; " \
	"pgrep -a python lists what else runs Python"

#define REQUIREMENT_HINT_PROBES "run it with sudo, or allow it: sysctl kernel.perf_event_paranoid=2"

#define REQUIREMENT_HINT_PAGES "a kernel with pages of 4096 bytes is needed"

/* The BPF programs and the dump count pages of that size. */
bool requirement_has_small_pages(void);
/* All that is known of processes, our own capabilities among it, is read there. */
bool requirement_has_proc(void);
/* The names of those that are missing, "" for none: a static text. */
const char *requirement_missing(enum requirement what);
/* What helps with a process that may not be looked into. */
const char *requirement_hint_process(pid_t pid);
/* May uprobes be attached one by one, by perf_event_open, and on arm64 page faults? The patch
 * behind Debian's kernel.perf_event_paranoid=3 refuses that to CAP_PERFMON alone (5.10, 6.1); in
 * one link they are not affected. */
bool requirement_may_probe_singly(void);
/* What helps where the BPF programs were not loaded or attached; NULL: it is no right that lacks.
 */
const char *requirement_hint_loading(int error);
/* Capabilities of a user namespace's root do not count for BPF. */
bool requirement_has_host_users(void);
/* The BPF side knows processes by the numbers of the first pid namespace. */
bool requirement_has_host_pids(void);

#endif
