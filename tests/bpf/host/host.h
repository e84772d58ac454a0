/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel for BPF programs, played on the host: what the helpers of host/bpf/ are made of, and
 * what a test sets and sees of it. host_map.c has the maps, host_memory.c the memory of user and
 * kernel, host.c the rest. There is one such kernel a program; one thread uses it.
 */
#ifndef MEMPROBE_HOST_H
#define MEMPROBE_HOST_H

#include "host_kernel.h"

#define HOST_CPUS 8
#define HOST_PAGE 4096

/* Who runs the current task. */
#define HOST_UID 1001ULL
#define HOST_GID 1002ULL

/* Where a function is probed: the registers' `ip` there is another after its return. */
#define HOST_FUNCTION 0x401000ULL

struct host {
	__u32 cpu;
	struct task_struct *current;
	__u64 now_ns;
	__u64 cookie; /* of the link through which a probe was hit */ /* moves by one with every
									 reading */
	__u32 sent_signal;					      /* the last one; 0: none */
	bool has_task_btf;	 /* bpf_get_current_task_btf: 5.11 and later */
	bool is_short_of_memory; /* for what is kept of a task */
	bool finds_room;	 /* the event is that of a mapping's place */

	struct pt_regs registers; /* of the current task, in user mode */
	bool is_mm_locked;	  /* another thread changes the mappings */
	unsigned int lookups;	  /* of a mapping, done so far */
	struct vm_area_struct *(*find_mapping)(const struct mm_struct *mm, __u64 address);

	/* Called before every read of kernel memory: here other CPUs may do something. */
	void (*on_kernel_read)(void);
	/* The same before every look into a map. */
	void (*on_lookup)(void);

	bool needs_hold; /* the program that runs could be preempted */
	bool is_held;	 /* it holds that off */

	unsigned int user_reads;     /* done so far */
	unsigned int fail_user_read; /* the how-manyth from now fails, 0: none */
};

extern struct host host;

/* Forgets everything: maps, memory, settings. */
void host_reset(void);

/* What no program may do, or no test: ends the process. Unlike assert() also without debugging. */
#define HOST_CHECK(condition)                                      \
	do {                                                       \
		if (!(condition))                                  \
			host_fail(__FILE__, __LINE__, #condition); \
	} while (0)
__attribute__((noreturn)) void host_fail(const char *file, int line, const char *what);

/* The program holds preemption off from here on, or does no more. */
void host_hold_mark(__u32 mark);

/* Writes a `const volatile` configuration variable, as the loader does before loading. */
void host_configure(const volatile void *variable, const void *value, size_t size);

/* User memory comes to be by writing it, page by page. The rest is absent. */
void host_user_write(__u64 address, const void *data, size_t size);
void host_user_drop(__u64 address); /* the page becomes absent */
/* All or nothing: 0 or -EFAULT, and zeroes, as the kernel's does. */
long host_user_read(void *to, __u32 size, __u64 address);

/* An object of the kernel, zeroed; gone at the next reset. */
void *host_kernel_new(size_t size);
long host_kernel_read(void *to, __u32 size, __u64 address);
/* A variable of each CPU: its offset. Every CPU has its base, as in the kernel. */
__u64 host_percpu_new(size_t size);
void *host_percpu_at(__u32 cpu, __u64 offset);

/*
 * Maps. BTF's description of one (`__uint(type, ...)`, `__type(key, ...)`) is ordinary C: the
 * macros of bpf_helpers.h read it with sizeof. The member max_entries, a pointer that nobody
 * follows, keeps the map's data.
 */
struct host_map_description {
	void *variable;
	void *handle;
	__u32 type;
	__u32 max_entries;
	__u32 key_size;
	__u32 value_size;
};

struct host_map;
struct host_record;

#define HOST_COUNT(map, member) (sizeof(*(map)->member) / sizeof(int))

#define HOST_MAP(map, keys, values)                          \
	host_map_get(&(struct host_map_description){         \
		.variable = (map),                           \
		.handle = &(map)->max_entries,               \
		.type = HOST_COUNT(map, type),               \
		.max_entries = HOST_COUNT(map, max_entries), \
		.key_size = (keys),                          \
		.value_size = (values),                      \
	})

#define HOST_TABLE(map) HOST_MAP(map, sizeof(*(map)->key), sizeof(*(map)->value))
#define HOST_QUEUE(map) HOST_MAP(map, 0, sizeof(*(map)->value))
#define HOST_RING(map) HOST_MAP(map, 0, 0)

/* Made at first use. */
struct host_map *host_map_get(const struct host_map_description *description);
/* The loader's part: before anything is in it. */
void host_map_resize(struct host_map *map, __u32 max_entries);

/* Other CPUs do something; they do it without being interrupted themselves. */
void host_meanwhile(void (**hook)(void));

void *host_map_lookup(struct host_map *map, const void *key);
void *host_map_lookup_percpu(struct host_map *map, const void *key, __u32 cpu);
long host_map_update(struct host_map *map, const void *key, const void *value, __u64 flags);
long host_map_delete(struct host_map *map, const void *key);
/* A hash by the pid of the task. */
void *host_task_storage_get(struct host_map *map, const struct task_struct *task, __u64 flags);
long host_map_push(struct host_map *map, const void *value);
long host_map_pop(struct host_map *map, void *ret_value);
/* Of a hash: all its elements, in no order. The visitor must not change the map. */
void host_map_visit(struct host_map *map,
		    void (*visit)(const void *key, void *value, void *context), void *context);

/* What bpf_ringbuf_output sent. */
struct host_record {
	struct host_record *next;
	__u64 flags;
	__u32 size;
	__u32 pad;
	char bytes[];
};

long host_ring_output(struct host_map *map, const void *data, __u64 size, __u64 flags);
__u64 host_ring_query(struct host_map *map, __u64 what);
struct host_record *host_ring_pop(struct host_map *map); /* NULL: empty; free() it */

/* For host_reset, and for bpf_array.pptrs. */
void host_map_reset(void);
void host_memory_reset(void);
bool host_map_pptrs(__u64 address, __u64 *ret_offset);

#endif
