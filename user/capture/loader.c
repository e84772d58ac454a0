/* SPDX-License-Identifier: BSD-2-Clause */
/* The BPF object's life; see loader.h. */
#include "loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memprobe/wire_unwind.h>

#include "loader_beside.h"
#include "loader_btf.h"
#include "loader_object.h"
#include "loader_preempt.h"
#include "loader_probes.h"
#include "log.h"
#include "memory.h"
#include "memprobe.skel.h"

#define MAX_FOLD_CPUS 1024

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	int wanted = level == LIBBPF_DEBUG ? LOG_DEBUG : LOG_STEPS;

	if (log_level() < wanted)
		return 0;
	return vfprintf(stderr, format, arguments);
}

/* Programs for one kind of kernel; those for the others stay unloaded. */
#define ON_PERCPU 1
#define ON_CACHED 2 /* with bpf_find_vma() and bpf_loop(), both of 5.17 */
#define ON_OLDEST 4 /* cached, without */
#define ITERATOR 8  /* read, not attached to an event */
#define FOR_CALLS 16
#define FOR_OWNERS 32
#define FOR_COMMANDS 64
#define FOR_PROCESSES 128 /* that run already */
/* Before 6.16 sched_process_exit has one argument, so that the program cannot be attached to it;
 * and the address space is gone then, so that there would be no path. sched_prepare_exec is
 * of 6.10. */
#define MAY_LACK 256
/* Where the kernel lets tracepoints be preempted, and where it does not (bpf/preempt.h): two
 * programs for what becomes of tasks, of which the second follows the first. */
#define PREEMPTIBLE 512
#define NOT_PREEMPTIBLE 1024
/* An event of perf's; where it cannot be had the second program has all. */
#define BY_PERF 2048
#define ON_FAULTS 4096 /* as loader_faults has them */
#define FOR_ROOM 8192  /* for owners or C functions */
static const struct {
	const char *name;
	uint32_t kernels;
	const char *tracepoint; /* of a program for several, NULL: its own */
} programs[] = {
	{ "rss_percpu", ON_PERCPU, "rss_stat" },
#ifdef __aarch64__
	{ "fault_sampled", ON_PERCPU | FOR_OWNERS | ON_FAULTS, NULL },
	{ "fault_sampled_cached", ON_CACHED | ON_FAULTS, NULL },
	{ "fault_sampled_oldest", ON_OLDEST | ON_FAULTS, NULL },
#else
	{ "fault_owned", ON_PERCPU | FOR_OWNERS, "page_fault_user" },
	{ "fault_owned", ON_PERCPU | FOR_OWNERS, "page_fault_kernel" },
	{ "fault_cached", ON_CACHED, NULL },
	{ "fault_oldest", ON_OLDEST, NULL },
	{ "kfault_cached", ON_CACHED, NULL },
	{ "kfault_oldest", ON_OLDEST, NULL },
#endif
	{ "rss_percpu", ON_PERCPU | FOR_ROOM | NOT_PREEMPTIBLE, "vm_unmapped_area" },
	{ "mapping_percpu", ON_PERCPU | FOR_ROOM | PREEMPTIBLE, "vm_unmapped_area" },
	{ "rss_percpu", ON_PERCPU | NOT_PREEMPTIBLE, "sched_process_exec" },
	{ "exec_traced", ON_PERCPU | PREEMPTIBLE | BY_PERF, "sched_process_exec" },
	{ "own_again", ON_PERCPU | PREEMPTIBLE, "sched_process_exec" },
	{ "fork_percpu", ON_PERCPU, NULL },
	{ "fork_again", ON_PERCPU | PREEMPTIBLE, NULL },
	/* A path that a thread leaves, before the next sends it. */
	{ "rss_percpu", ON_PERCPU | FOR_CALLS | MAY_LACK | NOT_PREEMPTIBLE, "sched_process_exit" },
	{ "left_traced", ON_PERCPU | FOR_CALLS | PREEMPTIBLE | BY_PERF, "sched_process_exit" },
	{ "own_again", ON_PERCPU | FOR_CALLS | PREEMPTIBLE, "sched_process_exit" },
	{ "rss_percpu", ON_PERCPU | FOR_CALLS | MAY_LACK | NOT_PREEMPTIBLE, "sched_prepare_exec" },
	{ "left_traced", ON_PERCPU | FOR_CALLS | PREEMPTIBLE | BY_PERF, "sched_prepare_exec" },
	{ "own_again", ON_PERCPU | FOR_CALLS | PREEMPTIBLE, "sched_prepare_exec" },
	{ "exit_percpu", ON_PERCPU | NOT_PREEMPTIBLE, NULL },
	{ "exit_traced", ON_PERCPU | PREEMPTIBLE | BY_PERF, "sched_process_exit" },
	{ "exit_again", ON_PERCPU | PREEMPTIBLE, NULL },
	{ "balance_percpu", ON_PERCPU | FOR_COMMANDS | ITERATOR, NULL },
	{ "iterate_percpu", ON_PERCPU | FOR_PROCESSES | ITERATOR, NULL },
	{ "rss_cached", ON_CACHED, NULL },
	{ "rss_oldest", ON_OLDEST, NULL },
	{ "exec_cached", ON_CACHED | ON_OLDEST, NULL },
	{ "fork_cached", ON_CACHED | ON_OLDEST, NULL },
	{ "exit_cached", ON_CACHED | ON_OLDEST, NULL },
	{ "iterate_cached", ON_CACHED | ON_OLDEST | ITERATOR, NULL },
};

_Static_assert(ARRAY_SIZE(programs) <= LOADER_PROGRAMS, "loader.links");

static uint32_t kind_of(const struct kernel_features *features)
{
	if (features->has_percpu_counters)
		return ON_PERCPU;
	return features->has_find_vma && features->has_loop ? ON_CACHED : ON_OLDEST;
}

static struct bpf_program *find_program(const struct memprobe *skeleton, size_t index)
{
	return bpf_object__find_program_by_name(skeleton->obj, programs[index].name);
}

static bool is_needed(uint32_t kernels, const struct loader *loader,
		      const struct loader_sizes *sizes)
{
	const uint32_t other = loader->features.has_preemptible_tracepoints ? NOT_PREEMPTIBLE
									    : PREEMPTIBLE;

	return kernels & kind_of(&loader->features) && !(kernels & other) &&
	       (sizes->call_frames || !(kernels & FOR_CALLS)) &&
	       (loader->has_owners || !(kernels & FOR_OWNERS)) &&
	       (loader->has_owners || loader->has_native || !(kernels & FOR_ROOM)) &&
	       !(kernels & (sizes->attaches ? FOR_COMMANDS : FOR_PROCESSES));
}

static void choose_programs(struct loader *loader, const struct loader_sizes *sizes)
{
	struct memprobe *skeleton = loader->skeleton;

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		loader->is_needed[i] = is_needed(programs[i].kernels, loader, sizes);
		if (loader->is_needed[i])
			bpf_program__set_autoload(find_program(skeleton, i), true);
	}
}

/* The one that was loaded. */
static int iterator_fd(const struct loader *loader)
{
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		const struct bpf_program *program = find_program(loader->skeleton, i);

		if (programs[i].kernels & ITERATOR && bpf_program__fd(program) >= 0)
			return bpf_program__fd(program);
	}
	return -ENOENT;
}

static void choose_probes(const struct loader *loader, const struct loader_sizes *sizes)
{
	const struct loader_probes wanted = {
		.features = &loader->features,
		.call_frames = sizes->call_frames,
		.has_allocs = loader->has_allocs,
		.has_submitters = loader->has_submitters,
		.has_watches = loader_has_watches(loader),
	};

	loader_probes_choose(&wanted, loader->skeleton);
}

/* What has been chosen for this run, of the kernel's features and of what was asked for. */
static void configure(const struct loader *loader, const struct loader_sizes *sizes)
{
	struct memprobe *skeleton = loader->skeleton;
	const struct map_sizes *chosen = &loader->map_sizes;
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	int possible = libbpf_num_possible_cpus();

	skeleton->rodata->cfg_preemptible = loader->features.has_preemptible_tracepoints;
	skeleton->rodata->cfg_cpus = possible > 0 && possible <= MAX_CPUS ? possible : MAX_CPUS;
	/* compute_batch_value, lib/percpu_counter.c */
	skeleton->rodata->cfg_fold_batch = online > 16 ? 2 * online : 32;
	skeleton->rodata->cfg_max_nodes = chosen->max_nodes;
	skeleton->rodata->cfg_max_sites = chosen->max_sites;
	skeleton->rodata->cfg_recent_ids = chosen->recent_ids;
	skeleton->rodata->cfg_call_nodes = chosen->call_nodes;
	skeleton->rodata->cfg_call_sites = chosen->call_sites;
	skeleton->rodata->cfg_fresh_slots = loader->features.has_percpu_counters ? MAX_IMAGES : 0;
	skeleton->rodata->cfg_follow_children = sizes->follow_children;
	skeleton->rodata->cfg_last_paths = sizes->call_frames != 0;
	skeleton->rodata->cfg_calls_budget = sizes->has_calls_budget;
	skeleton->rodata->cfg_watches = loader_has_watches(loader);
	skeleton->rodata->cfg_lines = sizes->has_lines;
	skeleton->rodata->cfg_owners = loader->has_owners;
	skeleton->rodata->cfg_allocs = loader->has_allocs;
	skeleton->rodata->cfg_allocs_min = sizes->allocs_min;
	skeleton->rodata->cfg_kept_blocks = sizes->max_blocks / KEPT_BLOCKS_PART;
	skeleton->rodata->cfg_instances = sizes->has_instances;
	skeleton->rodata->cfg_threads = sizes->has_threads;
	skeleton->rodata->cfg_splits = sizes->has_lines || sizes->has_instances;
	skeleton->rodata->cfg_native = loader->has_native;
	skeleton->rodata->cfg_submitters = loader->has_submitters;
	skeleton->rodata->cfg_shortcuts = !sizes->has_lines && !sizes->has_instances &&
					  !sizes->has_threads && !loader->has_submitters;
	skeleton->rodata->cfg_last_look_pages = sizes->has_last_looks ? 0 : LAST_LOOK_PAGES;
	skeleton->rodata->cfg_ring_wake_bytes = chosen->ring_bytes / 4;
}

/* Before 5.11 maps count against RLIMIT_MEMLOCK; later it is not needed, so failing is fine. */
static void raise_memlock(void)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
}

/* Some 90 are open, and more with each executable. The usual soft limit, 1,024, is for those who
 * use select(2). */
static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Kernels with task caches have no counter that two CPUs may draw from: 4,096 updates, 5 ms. */
static int fill_free_slots(struct loader *loader)
{
	if (loader->features.has_percpu_counters)
		return 0;
	for (uint32_t slot = 0; slot < MAX_IMAGES; slot++) {
		int error = loader_free_slot(loader, slot);

		if (error)
			return error;
	}
	return 0;
}

static int fail(struct loader *loader, const char *step, const char *object, int error)
{
	loader->failed_step = step;
	loader->failed_object = object;
	return error;
}

/* All but 0. */
static int fill_free_ids(struct loader *loader)
{
	const uint32_t end = loader->map_sizes.nr_ids;

	for (uint32_t id = 1; id < end; id += loader->map_sizes.id_run) {
		uint32_t left = end - id, run = loader->map_sizes.id_run;
		int error = loader_free_ids(loader, id, left < run ? left : run);

		if (error)
			return error;
	}
	return 0;
}

static int prepare(struct loader *loader)
{
	int error = fill_free_slots(loader);
	if (error)
		return fail(loader, "fill", "free_slots", error);
	error = fill_free_ids(loader);
	if (error)
		return fail(loader, "fill", "free_ids", error);
	loader->iterator = bpf_link_create(iterator_fd(loader), 0, BPF_TRACE_ITER, NULL);
	if (loader->iterator < 0)
		return fail(loader, "attach", "task iterator", loader->iterator);
	error = loader_iterate(loader, LOADER_PREPARE);
	return error ? fail(loader, "read", "task iterator", error) : 0;
}

/* The first takes more than half of the verifier's time (docs/performance.md). */
static int load_programs(struct memprobe *skeleton)
{
	struct loader_beside *beside = loader_beside_begin(skeleton->progs.rss_percpu);
	int error = memprobe__load(skeleton);

	return loader_object_cause(skeleton, loader_beside_end(beside, error));
}

static int load(const struct loader_sizes *sizes, struct loader_btf *btf, struct loader *ret)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = btf->path);
	int error;

	ret->skeleton = loader_object_open(&options);
	if (!ret->skeleton)
		return fail(ret, "open", "BPF object", -errno);
	error = loader_btf_scan(btf, ret->skeleton->obj);
	if (error)
		return fail(ret, "read", "/sys/kernel/btf/vmlinux", error);
	error = loader_btf_write(btf);
	if (error)
		return fail(ret, "write", "file in memory for libbpf", error);
	ret->btf = fcntl(btf->fd, F_DUPFD_CLOEXEC, 0);
	ret->features = kernel_features_of(&btf->kernel);
	/* Before, RSS changes come in batches, long after their faults. */
	ret->has_owners = sizes->has_owners && ret->features.has_percpu_counters;
	/* Probes without multi links have no cookie, and cost more. */
	ret->has_allocs = sizes->has_allocs && loader_has_watches(ret);
	ret->has_submitters = sizes->has_submitters && loader_has_watches(ret);
	/* The tree of mappings, and changes of RSS that come with their faults. */
	ret->has_native = sizes->has_native && HAS_UNWINDER && ret->features.has_percpu_counters;
	choose_programs(ret, sizes);
	choose_probes(ret, sizes);
	map_sizes_choose(sizes, &ret->map_sizes);
	map_sizes_apply(&ret->map_sizes, sizes, &ret->features, ret->skeleton);
	map_sizes_owners(&ret->map_sizes, ret->has_owners, ret->skeleton);
	map_sizes_submitters(ret->has_submitters, ret->skeleton);
	map_sizes_allocs(&ret->map_sizes, ret->has_allocs ? sizes->max_blocks : 0, ret->skeleton);
	map_sizes_native(ret->has_native ? sizes->native_rows : 0, sizes, ret->skeleton);
	configure(ret, sizes);
	error = loader_preempt_put(&ret->features, ret->skeleton->obj);
	if (!error)
		error = load_programs(ret->skeleton);
	return error ? fail(ret, "load", "BPF programs", error) : 0;
}

int loader_open(const struct loader_sizes *sizes, struct loader *ret)
{
	struct loader_btf btf;
	int error;

	*ret = (struct loader){ .iterator = -1, .btf = -1 };
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL & ~LIBBPF_STRICT_AUTO_RLIMIT_MEMLOCK);
	libbpf_set_print(print_libbpf);
	loader_beside_prepare();
	raise_memlock();
	raise_files();
	error = loader_btf_begin(&btf);
	error = error ? fail(ret, "read", "/sys/kernel/btf/vmlinux", error)
		      : load(sizes, &btf, ret);
	loader_btf_end(&btf);
	return error ? error : prepare(ret);
}

/* Attaches one of the programs. 0 or -errno. */
static int attach(struct loader *loader, size_t index)
{
	struct bpf_program *program = find_program(loader->skeleton, index);
	const char *tracepoint = programs[index].tracepoint;
	struct bpf_link *link;

	if (programs[index].kernels & ON_FAULTS)
		return loader_faults_attach(&loader->faults, bpf_program__fd(program));
	if (programs[index].kernels & BY_PERF)
		link = bpf_program__attach_tracepoint(program, "sched", tracepoint);
	else
		link = tracepoint ? bpf_program__attach_raw_tracepoint(program, tracepoint)
				  : bpf_program__attach_trace(program);
	loader->links[index] = link;
	return link ? 0 : -errno;
}

/* For people. */
static const char *event_of(size_t index)
{
	if (programs[index].kernels & ON_FAULTS)
		return "page faults";
	return programs[index].tracepoint ? programs[index].tracepoint : programs[index].name;
}

int loader_attach(struct loader *loader)
{
	loader->has_last_paths = loader->features.has_percpu_counters;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		int error;

		if (!loader->is_needed[i] || programs[i].kernels & ITERATOR)
			continue;
		error = attach(loader, i);
		if (error && programs[i].kernels & BY_PERF)
			loader->lacks_perf = true;
		else if (programs[i].kernels & MAY_LACK && (error == -EINVAL || error == -ENOENT))
			loader->has_last_paths = false;
		else if (error)
			return fail(loader, "attach", event_of(i), error);
	}
	return 0;
}

bool loader_has_last_paths(const struct loader *loader)
{
	return loader->has_last_paths;
}

void loader_stop_last_looks(struct loader *loader)
{
	__atomic_store_n(&loader->skeleton->bss->last_looks_are_over, true, __ATOMIC_SEQ_CST);
}

void loader_detach(struct loader *loader)
{
	if (loader->skeleton && loader->skeleton->bss)
		loader->skeleton->bss->allocs_are_over = true;
	/* The last first: a second program without its first would take all. */
	for (size_t i = ARRAY_SIZE(programs); i-- > 0;) {
		bpf_link__destroy(loader->links[i]);
		loader->links[i] = NULL;
	}
	loader_faults_detach(&loader->faults);
}

void loader_close(struct loader *loader)
{
	loader_detach(loader);
	closep(&loader->iterator);
	loader->iterator = -1;
	closep(&loader->btf);
	loader->btf = -1;
	memprobe__destroy(loader->skeleton);
	loader->skeleton = NULL;
}

int loader_iterate(struct loader *loader, enum loader_iterate what)
{
	char unused[64];
	ssize_t got;
	int fd;

	loader->skeleton->bss->iterate_what = what;
	loader->skeleton->bss->iterate_round = ++loader->round;
	fd = bpf_iter_create(loader->iterator);
	if (fd < 0)
		return fd;
	do {
		got = read(fd, unused, sizeof(unused));
	} while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
	close(fd);
	return got < 0 ? -errno : 0;
}

int loader_map(const struct loader *loader, const char *name)
{
	return bpf_object__find_map_fd_by_name(loader->skeleton->obj, name);
}

size_t loader_value_bytes(const struct loader *loader, const char *map)
{
	return bpf_map__value_size(bpf_object__find_map_by_name(loader->skeleton->obj, map));
}

bool loader_has_owners(const struct loader *loader)
{
	return loader->has_owners;
}

bool loader_has_allocs(const struct loader *loader)
{
	return loader->has_allocs;
}

bool loader_has_native(const struct loader *loader)
{
	return loader->has_native;
}

bool loader_has_submitters(const struct loader *loader)
{
	return loader->has_submitters;
}

bool loader_has_watches(const struct loader *loader)
{
	return loader->features.has_percpu_counters && loader->features.has_uprobe_multi;
}

uint32_t loader_nr_ids(const struct loader *loader)
{
	return loader->map_sizes.nr_ids;
}

uint32_t loader_id_run(const struct loader *loader)
{
	return loader->map_sizes.id_run;
}

uint32_t loader_ring_bytes(const struct loader *loader)
{
	return loader->map_sizes.ring_bytes;
}
