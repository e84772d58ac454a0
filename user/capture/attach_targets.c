/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes by /proc/PID/status and stat; see attach_targets.h. */
#include "attach_targets.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hash_table.h"
#include "error_hints.h"
#include "log.h"
#include "memory.h"
#include "process_stat.h"
#include "process_status.h"
#include "process_task.h"
#include "requirements.h"

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h; flags are the ninth field of stat */

/* The process that a thread belongs to; 0 when that cannot be read. */
static pid_t read_tgid(pid_t pid)
{
	_cleanup_(freep) char *status = NULL;
	int tgid;

	if (process_status_read(pid, &status) ||
	    sscanf(process_status_field(status, "Tgid"), "%d", &tgid) != 1)
		return 0;
	return tgid;
}

static long read_pid_max(void)
{
	FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
	long max = 0;

	if (file && fscanf(file, "%ld", &max) != 1)
		max = 0;
	if (file)
		fclose(file);
	return max;
}

static int refuse_absent(uint32_t pid)
{
	long max = read_pid_max();

	if (pid == UINT32_MAX)
		log_error("cannot attach '%u or more': no such process, numbers end at %ld here",
			  pid, max);
	else if (max && pid > max)
		log_error("cannot attach '%u': no such process, numbers end at %ld here", pid, max);
	else
		log_error("cannot attach '%u': no such process", pid);
	error_hint_print(ERROR_OF_PROCESS, -ESRCH);
	return -ESRCH;
}

static int refuse_thread(uint32_t pid, pid_t tgid)
{
	log_error("cannot attach '%u': it is a thread of process %d", pid, (int)tgid);
	log_hint("memprobe -p %d follows all threads of the process", (int)tgid);
	return -EINVAL;
}

static int refuse_without_proc(uint32_t pid)
{
	log_error("cannot attach '%u': /proc is not mounted", pid);
	log_hint(REQUIREMENT_HINT_PROC);
	return -ENOENT;
}

static int check_kind(uint32_t pid, const struct process_stat *status)
{
	if (status->flags & PF_KTHREAD) {
		log_error("cannot attach '%u': it is a kernel thread", pid);
		log_hint("it has no memory of its own");
		return -EINVAL;
	}
	if ((status->state == 'Z' || status->state == 'X') && !process_has_lost_main((pid_t)pid)) {
		log_error("cannot attach '%u': it has ended, and waits for process %d to notice",
			  pid, (int)status->ppid);
		log_hint("its memory is gone; memprobe -p %d follows that process",
			 (int)status->ppid);
		return -ESRCH;
	}
	return 0;
}

int attach_check(uint32_t pid)
{
	char path[64], program[4];
	struct process_stat status = { 0 };
	pid_t tgid;
	int error;

	if (pid > INT32_MAX || (kill((pid_t)pid, 0) && errno == ESRCH))
		return refuse_absent(pid);
	tgid = read_tgid((pid_t)pid);
	if (tgid && (uint32_t)tgid != pid)
		return refuse_thread(pid, tgid);
	if (!requirement_has_proc())
		return refuse_without_proc(pid);
	error = process_stat_read((pid_t)pid, &status);
	if (error == -ENOENT)
		return refuse_absent(pid);
	if (!error)
		error = check_kind(pid, &status);
	if (error)
		return error;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)process_task((pid_t)pid));
	if (readlink(path, program, sizeof(program)) >= 0)
		return 0;
	error = -errno;
	log_error("cannot attach '%u': %s", pid, strerror(-error));
	if (error == -EACCES || error == -EPERM)
		log_hint("%s", requirement_hint_process((pid_t)pid));
	return error;
}

/* All processes and their parents, as they are while /proc is read. Owns its array. */
struct family {
	pid_t *pids;
	size_t nr_pids, capacity;
	struct hash_table parents; /* of each */
	struct hash_table roots;   /* whose descendants are looked for */
	struct hash_table waiting; /* we, and above us who waits for us: a shell, sudo */
};

static void read_family(struct family *family)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;
	struct process_stat status = { 0 };

	while (directory && (entry = readdir(directory))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (!isdigit((unsigned char)entry->d_name[0]) || pid <= 1 ||
		    process_stat_read(pid, &status))
			continue;
		family->pids = array_reserve(family->pids, &family->capacity, family->nr_pids + 1,
					     sizeof(*family->pids));
		family->pids[family->nr_pids++] = pid;
		hash_table_put(&family->parents, (uint64_t)pid, (uint32_t)status.ppid);
	}
	if (directory)
		closedir(directory);
}

static void find_waiting(struct family *family)
{
	uint32_t pid = (uint32_t)getpid();

	for (size_t steps = 0; steps <= family->nr_pids; steps++) {
		hash_table_put(&family->waiting, pid, 0);
		if (!hash_table_get(&family->parents, pid, &pid))
			return;
	}
}

/* Climbs to one of the roots. What is read while processes come and go may have a circle. What we
 * have started is our own, and who waits for us would keep the capture from ending. */
static bool is_descendant(const struct family *family, uint32_t pid)
{
	uint32_t parent = pid, own = (uint32_t)getpid(), unused;

	if (hash_table_get(&family->roots, pid, &unused) ||
	    hash_table_get(&family->waiting, pid, &unused))
		return false;
	for (size_t steps = 0; steps <= family->nr_pids; steps++) {
		if (!hash_table_get(&family->parents, parent, &parent))
			return false;
		if (parent == own)
			return false;
		if (hash_table_get(&family->roots, parent, &unused))
			return true;
	}
	return false;
}

pid_t *attach_find_descendants(const pid_t *pids, size_t count, size_t *ret_count)
{
	struct family family = { 0 };
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		hash_table_put(&family.roots, (uint64_t)pids[i], 0);
	read_family(&family);
	find_waiting(&family);
	for (size_t i = 0; i < family.nr_pids; i++) {
		if (is_descendant(&family, (uint32_t)family.pids[i]))
			family.pids[found++] = family.pids[i];
	}
	hash_table_free(&family.parents);
	hash_table_free(&family.roots);
	hash_table_free(&family.waiting);
	*ret_count = found;
	return family.pids;
}
