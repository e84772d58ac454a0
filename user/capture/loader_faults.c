/* SPDX-License-Identifier: BSD-2-Clause */
/* Page faults by perf events; see loader_faults.h. */
#include "loader_faults.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory.h"

/* Returns the event's fd, on which the program runs, or -errno. */
static int attach_on(int cpu, int program)
{
	struct perf_event_attr event = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(event),
		.config = PERF_COUNT_SW_PAGE_FAULTS,
		.sample_period = 1,
	};
	long fd = syscall(SYS_perf_event_open, &event, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	if (!ioctl((int)fd, PERF_EVENT_IOC_SET_BPF, program) &&
	    !ioctl((int)fd, PERF_EVENT_IOC_ENABLE, 0))
		return (int)fd;
	error = -errno;
	close((int)fd);
	return error;
}

int loader_faults_attach(struct loader_faults *faults, int program)
{
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 0)
		return cpus;
	faults->events = xcalloc((size_t)cpus, sizeof(*faults->events));
	for (int cpu = 0; cpu < cpus; cpu++) {
		int fd = attach_on(cpu, program);

		if (fd == -ENODEV) /* it is offline */
			continue;
		if (fd < 0) {
			loader_faults_detach(faults);
			return fd;
		}
		faults->events[faults->nr_events++] = fd;
	}
	return 0;
}

void loader_faults_detach(struct loader_faults *faults)
{
	for (size_t i = 0; i < faults->nr_events; i++)
		close(faults->events[i]);
	free(faults->events);
	*faults = (struct loader_faults){ 0 };
}
