/* SPDX-License-Identifier: BSD-2-Clause */
/* Rights and namespaces; see requirements.h. */
#include "requirements.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "process_memory.h"
#include "process_status.h"

#define CAP_DAC_OVERRIDE_BIT 1
#define CAP_DAC_READ_SEARCH_BIT 2
#define CAP_SYS_PTRACE_BIT 19
#define CAP_SYS_ADMIN_BIT 21
#define CAP_PERFMON_BIT 38
#define CAP_BPF_BIT 39
#define CAP_CHECKPOINT_RESTORE_BIT 40

bool requirement_has_small_pages(void)
{
	return sysconf(_SC_PAGESIZE) == 4096;
}

bool requirement_has_proc(void)
{
	return !access("/proc/self/status", R_OK);
}

static uint64_t effective_capabilities(void)
{
	_cleanup_(freep) char *status = NULL;
	unsigned long long effective;

	if (process_status_read(0, &status) ||
	    sscanf(process_status_field(status, "CapEff"), "%llx", &effective) != 1)
		return 0;
	return effective;
}

/* Of two, the names of those that are missing. */
static const char *missing_of(bool has_first, bool has_second, const char *const names[3])
{
	if (has_first && has_second)
		return "";
	if (!has_first && !has_second)
		return names[2];
	return names[has_first];
}

const char *requirement_missing(enum requirement what)
{
	static const char *const load[] = { "CAP_BPF", "CAP_PERFMON", "CAP_BPF and CAP_PERFMON" };
	static const char *const files[] = {
		"CAP_CHECKPOINT_RESTORE",
		"CAP_DAC_READ_SEARCH",
		"CAP_CHECKPOINT_RESTORE and CAP_DAC_READ_SEARCH",
	};
	uint64_t effective = effective_capabilities();
	/* The kernel's bpf_capable(), perfmon_capable() and checkpoint_restore_ns_capable(). */
	bool is_admin = effective >> CAP_SYS_ADMIN_BIT & 1;
	bool has_bpf = is_admin || effective >> CAP_BPF_BIT & 1;
	bool has_perfmon = is_admin || effective >> CAP_PERFMON_BIT & 1;
	bool has_read = effective >> CAP_DAC_READ_SEARCH_BIT & 1 ||
			effective >> CAP_DAC_OVERRIDE_BIT & 1;
	bool has_restore = is_admin || effective >> CAP_CHECKPOINT_RESTORE_BIT & 1;

	switch (what) {
	case REQUIREMENT_LOAD:
		return missing_of(has_bpf, has_perfmon, load);
	case REQUIREMENT_OTHERS:
		return effective >> CAP_SYS_PTRACE_BIT & 1 ? "" : "CAP_SYS_PTRACE";
	case REQUIREMENT_MEMORY:
		return has_read ? "" : "CAP_DAC_READ_SEARCH";
	case REQUIREMENT_FILES:
		return missing_of(has_restore, has_read, files);
	}
	return "";
}

const char *requirement_hint_process(pid_t pid)
{
	bool is_closed = process_memory_is_closed(pid);

	if (*requirement_missing(REQUIREMENT_OTHERS))
		return is_closed ? REQUIREMENT_HINT_OTHERS_MEMORY : REQUIREMENT_HINT_OTHERS;
	return is_closed ? REQUIREMENT_HINT_MEMORY : REQUIREMENT_HINT_CLOSED;
}

bool requirement_may_probe_singly(void)
{
	FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	int level = 0;

	if (file && fscanf(file, "%d", &level) != 1)
		level = 0;
	if (file)
		fclose(file);
	return level <= 2 || effective_capabilities() >> CAP_SYS_ADMIN_BIT & 1;
}

const char *requirement_hint_loading(int error)
{
	if (error == -EPERM)
		return REQUIREMENT_HINT_MEMLOCK;
	return error == -EACCES && !requirement_may_probe_singly() ? REQUIREMENT_HINT_PROBES : NULL;
}

/* Of the first namespaces, which alone have fixed numbers (include/linux/proc_ns.h). */
static bool is_namespace(const char *path, const char *first)
{
	char name[64];
	ssize_t length = readlink(path, name, sizeof(name) - 1);

	name[length > 0 ? length : 0] = '\0';
	return length <= 0 || !strcmp(name, first);
}

bool requirement_has_host_users(void)
{
	return is_namespace("/proc/self/ns/user", "user:[4026531837]"); /* PROC_USER_INIT_INO */
}

bool requirement_has_host_pids(void)
{
	return is_namespace("/proc/self/ns/pid", "pid:[4026531836]"); /* PROC_PID_INIT_INO */
}
