/* SPDX-License-Identifier: BSD-2-Clause */
/* Rights and namespaces; see requirements.h. */
#include "requirements.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CAP_SYS_ADMIN_BIT 21
#define CAP_PERFMON_BIT 38
#define CAP_BPF_BIT 39

bool requirement_may_load(void)
{
	unsigned long long effective = 0;
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			break;
	}
	if (file)
		fclose(file);
	return effective >> CAP_SYS_ADMIN_BIT & 1 ||
	       (effective >> CAP_PERFMON_BIT & 1 && effective >> CAP_BPF_BIT & 1);
}

bool requirement_has_host_pids(void)
{
	char name[64];
	ssize_t length = readlink("/proc/self/ns/pid", name, sizeof(name) - 1);

	name[length > 0 ? length : 0] = '\0';
	return length <= 0 || !strcmp(name, "pid:[4026531836]"); /* PROC_PID_INIT_INO */
}
