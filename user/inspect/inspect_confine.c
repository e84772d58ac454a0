/* SPDX-License-Identifier: BSD-2-Clause */
/* Rights of the inspecting process; see inspect_confine.h. */
#include "inspect_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory.h"
#include "nothing.h"
#include "process_maps.h"

#define ADDRESS_BYTES (4UL << 30) /* files are mapped */
#define DATA_BYTES \
	(512UL << 20) /* what can be written to: names of 16 MB of definitions take 300 MB */
#define CPU_SECONDS 600
#define MAX_FILES 128
#undef PAGEMAP_SCAN
#define PAGEMAP_SCAN 0xc0606610U /* _IOWR('f', 16, 96 bytes), <linux/fs.h> since 6.7 */

/* ---- Descriptors and mappings ---- */

static int keep_only(int socket)
{
	int nothing = nothing_open(), moved;

	if (nothing < 0)
		return nothing;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(nothing, fd);
	moved = dup2(socket, STDERR_FILENO + 1) < 0 ? -errno : 0;
	if (!moved && syscall(SYS_close_range, STDERR_FILENO + 2, ~0U, 0))
		moved = -errno;
	return moved;
}

/* The ring buffer and the tables that the loader shares with the kernel: the first process is
 * forked before there are any, later ones are not. */
static void unmap_shared(void)
{
	struct process_maps maps = { 0 };

	if (process_maps_read(getpid(), &maps))
		return;
	for (size_t i = 0; i < maps.nr_mappings; i++)
		if (!strncmp(maps.mappings[i].path, "anon_inode:", strlen("anon_inode:")))
			munmap((void *)(uintptr_t)maps.mappings[i].start,
			       maps.mappings[i].end - maps.mappings[i].start);
	process_maps_clear(&maps);
}

/* ---- Limits ---- */

static int set_limit(int resource, rlim_t value)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit))
		return -errno;
	if (limit.rlim_max < value)
		value = limit.rlim_max;
	limit = (struct rlimit){ value, value };
	return setrlimit(resource, &limit) ? -errno : 0;
}

/* A later process begins with all that the first one has gathered. */
static void read_own_bytes(rlim_t *ret_addresses, rlim_t *ret_data)
{
	unsigned long addresses = 0, data = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fscanf(file, "%lu %*u %*u %*u %*u %lu", &addresses, &data) != 2)
		addresses = data = 0;
	if (file)
		fclose(file);
	*ret_addresses = addresses * (rlim_t)sysconf(_SC_PAGESIZE);
	*ret_data = data * (rlim_t)sysconf(_SC_PAGESIZE);
}

static int set_limits(void)
{
	rlim_t addresses, data;

	read_own_bytes(&addresses, &data);
	const struct {
		int resource;
		rlim_t value;
	} limits[] = {
#ifndef __SANITIZE_ADDRESS__ /* its shadow takes terabytes of addresses */
		{ RLIMIT_AS, addresses + ADDRESS_BYTES },
		{ RLIMIT_DATA, data + DATA_BYTES },
#endif
		{ RLIMIT_CPU, CPU_SECONDS },
		{ RLIMIT_NOFILE, MAX_FILES },
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_FSIZE, 0 },
	};
	int error = 0;

	for (size_t i = 0; i < ARRAY_SIZE(limits) && !error; i++)
		error = set_limit(limits[i].resource, limits[i].value);
	return error;
}

/* ---- Capabilities ---- */

/* To see other users' processes, what they map, and files as their users. */
static const unsigned int kept_capabilities[] = {
	CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_SETUID, CAP_SETGID, CAP_CHECKPOINT_RESTORE,
};

/* Where one of those is missing, the wider one that does the same: of Docker's root, and for
 * map_files before 5.9. */
static const struct {
	unsigned int missing, instead;
} wider[] = {
	{ CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE },
	{ CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN },
};

/*
 * A command inherits these where they are ambient, and nobody may look at it who has less
 * (cap_ptrace_access_check(), security/commoncap.c), unless by CAP_SYS_PTRACE. They are what who
 * needs no more runs memprobe with, and no call that is allowed below does anything by them.
 */
static const unsigned int inherited[] = { CAP_BPF, CAP_PERFMON, CAP_SYS_RESOURCE };

static uint64_t keep_inherited(void)
{
	uint64_t kept = 0;

	for (size_t i = 0; i < ARRAY_SIZE(inherited); i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, inherited[i], 0, 0) == 1)
			kept |= 1ULL << inherited[i];
	return kept;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t kept = 0, permitted;

	if (syscall(SYS_capget, &header, data))
		return -errno;
	permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	for (size_t i = 0; i < ARRAY_SIZE(kept_capabilities); i++)
		kept |= 1ULL << kept_capabilities[i];
	for (size_t i = 0; i < ARRAY_SIZE(wider); i++)
		if (!(permitted >> wider[i].missing & 1))
			kept |= 1ULL << wider[i].instead;
	if (!(permitted >> CAP_SYS_PTRACE & 1))
		kept |= keep_inherited();
	kept &= permitted;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	data[0] = (struct __user_cap_data_struct){ (uint32_t)kept, (uint32_t)kept, 0 };
	data[1] = (struct __user_cap_data_struct){ kept >> 32, kept >> 32, 0 };
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

/* ---- System calls ---- */

#ifdef __aarch64__
#define OWN_ARCH AUDIT_ARCH_AARCH64
#else
#define OWN_ARCH AUDIT_ARCH_X86_64
#endif

/*
 * Looking needs these; all others fail with ENOSYS, for which the C library has a way around where
 * it uses something newer. Not among them: whatever writes, signals, traces, runs, mounts or
 * connects.
 */
static const uint32_t allowed[] = {
	SYS_read,
	SYS_pread64,
	SYS_readv,
	SYS_close,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_fstatfs,
	SYS_lseek,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_readlinkat,
	SYS_getdents64,
	SYS_openat2,
	SYS_munmap,
	SYS_brk,
	SYS_mremap,
	SYS_madvise,
	SYS_mprotect,
	SYS_fcntl,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_sendto,
	SYS_sendmsg,
	SYS_getpid,
	SYS_gettid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_getgroups,
	SYS_setgroups,
	SYS_setfsuid,
	SYS_setfsgid,
	SYS_capget,
	SYS_capset,
	SYS_getrandom,
	SYS_clock_gettime,
	SYS_gettimeofday,
	SYS_futex,
	SYS_rt_sigreturn,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_sched_yield,
	SYS_getcwd,
	SYS_exit,
	SYS_exit_group,
	SYS_nanosleep,
	SYS_clock_nanosleep,
	SYS_restart_syscall,
	SYS_sysinfo,
	SYS_sigaltstack, /* the sanitizers ask for it */
#ifdef SYS_open		 /* newer machines have only those that know more */
	SYS_stat,
	SYS_lstat,
	SYS_access,
	SYS_readlink,
	SYS_poll,
#else
	SYS_ppoll,
#endif
};

#define FIELD(name) (offsetof(struct seccomp_data, name))
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
/* Steps over the next `count` when the loaded word is not equal, or has one of the bits. */
#define UNLESS_EQUAL(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))
#define IF_BITS(value, count) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (value), (count), 0)

#define REFUSED RETURN(SECCOMP_RET_ERRNO | ENOSYS)
#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)

/* openat2's flags lie in memory, where a filter cannot look; but nothing can be written to. */
static const struct sock_filter head[] = {
	LOAD(FIELD(arch)),
	UNLESS_EQUAL(OWN_ARCH, 1),
	BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	LOAD(FIELD(nr)),
/* open(path, flags) and openat(directory, path, flags): for reading */
#ifdef SYS_open
	UNLESS_EQUAL(SYS_open, 4),
	LOAD(FIELD(args[1])),
	IF_BITS(WRITING, 1),
	RETURN(SECCOMP_RET_ALLOW),
	REFUSED,
#endif
	UNLESS_EQUAL(SYS_openat, 4),
	LOAD(FIELD(args[2])),
	IF_BITS(WRITING, 1),
	RETURN(SECCOMP_RET_ALLOW),
	REFUSED,
	/* ioctl(fd, PAGEMAP_SCAN): its flag that protects pages works only on what the process
	 * itself has registered at userfaultfd for that */
	UNLESS_EQUAL(SYS_ioctl, 4),
	LOAD(FIELD(args[1])),
	UNLESS_EQUAL(PAGEMAP_SCAN, 1),
	RETURN(SECCOMP_RET_ALLOW),
	REFUSED,
	/* move_pages(pid, count, pages, nodes): only asked where pages are */
	UNLESS_EQUAL(SYS_move_pages, 6),
	LOAD(FIELD(args[3])),
	UNLESS_EQUAL(0, 3),
	LOAD(FIELD(args[3]) + sizeof(uint32_t)),
	UNLESS_EQUAL(0, 1),
	RETURN(SECCOMP_RET_ALLOW),
	REFUSED,
	/* mmap(address, length, protection, flags): nothing shared */
	UNLESS_EQUAL(SYS_mmap, 4),
	LOAD(FIELD(args[3])),
	IF_BITS(MAP_SHARED, 1),
	RETURN(SECCOMP_RET_ALLOW),
	REFUSED,
};

static int filter_calls(void)
{
	struct sock_filter filter[ARRAY_SIZE(head) + 2 * ARRAY_SIZE(allowed) + 1];
	struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };
	size_t at = ARRAY_SIZE(head);

	memcpy(filter, head, sizeof(head));
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		filter[at++] = (struct sock_filter)UNLESS_EQUAL(allowed[i], 1);
		filter[at++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	}
	filter[at] = (struct sock_filter)REFUSED;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno : 0;
}

/* ---- All of it ---- */

/* It bears memprobe's name, so that what goes to all of that name, as SIGUSR1 by pidof, comes here
 * too. A fault ends it all the same (force_sig_info()), and the limit of CPU time by SIGKILL, being
 * the hard one as well. */
static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

int inspect_confine(int socket, int parent)
{
	int error;

	block_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		return -ESRCH;
	setsid(); /* nor is it stopped with its terminal's jobs */
	prctl(PR_SET_NAME, "memprobe-looks");
	error = keep_only(socket);
	if (error)
		return error;
	unmap_shared();
	error = set_limits();
	if (!error)
		error = drop_capabilities();
	prctl(PR_SET_DUMPABLE, 0);
	if (!error && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		error = -errno;
	return error ? error : filter_calls();
}
