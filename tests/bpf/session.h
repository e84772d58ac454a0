/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One profiling session on the host's kernel: the programs of memprobe.bpf.c, called as the kernel
 * would call them, and what user space sees of the maps and of the ring buffer, as text.
 */
#ifndef MEMPROBE_SESSION_H
#define MEMPROBE_SESSION_H

#include "machine.h"

#include <memprobe/wire.h>
#include <memprobe/wire_unwind.h>

enum session_kernel {
	SESSION_PERCPU, /* 6.2 and later */
	SESSION_CACHED, /* 6.1 */
	SESSION_OLDEST, /* 5.10: as 6.1, without bpf_loop; the current task is no pointer yet */
};
#define NR_SESSION_KERNELS 3
/* More ways to have the first, for tests of what becomes of tasks: tracepoints can be preempted,
 * and what the CPU has is touched in a hold alone (bpf/preempt.h); and all events of tasks are kept
 * back from the first program. */
#define SESSION_PREEMPTIBLE ((enum session_kernel)3)
#define SESSION_KEPT_BACK ((enum session_kernel)4)
#define NR_SESSION_WAYS 5

extern const char *const session_kernel_names[NR_SESSION_KERNELS];

#define SESSION_BATCH 32
#define SESSION_SLOTS 16 /* images at a time */
#define SESSION_IDS 8192 /* of nodes, 0 included */

/* Everything is new: kernel, maps, programs. */
void session_open(enum session_kernel kernel);
void session_close(void);
bool session_is_percpu(void);
bool session_has_loop(void); /* bpf_loop */

/* Sizes of maps; right after session_open. */
void session_limit_nodes(__u32 nodes, __u32 deeper);
void session_limit_sites(__u32 sites);
void session_limit_threads(__u32 threads);
void session_limit_ring(__u32 bytes);

/* As with --lines; right after session_open. */
void session_ask_lines(void);
void session_ask_threads(void);
void session_ask_instances(void);

/* As with --native, with room for so many files; right after session_open, of SESSION_PERCPU. */
void session_ask_native(__u32 files);
/* What user space makes of a file: rows and rules anywhere, then the file, and what it takes back.
 */
void session_put_unwind_row(__u32 index, __u32 offset, __u32 rule);
void session_put_unwind_rule(__u32 index, const struct wire_unwind_rule *rule);
void session_put_unwind_file(const struct wire_file *file, const struct wire_unwind_file *known);
void session_drop_unwind_file(const struct wire_file *file);

/* As with --submitters, so many items at a time. */
void session_ask_submitters(__u32 items);
/* The current task calls a queue's C function, with two arguments. */
void session_queue_entry(enum wire_queue_call call, __u64 queue, __u64 second);
/* SimpleQueue.get returns an item; 0: there is none. */
void session_queue_return(__u64 item);

/* Owners of pages are followed, in so many regions; right after session_open, of SESSION_PERCPU. */
void session_ask_owners(__u32 regions);
/* So many nodes can hold something; right after that. */
void session_limit_held(__u32 nodes);
/* Blocks of an allocator are followed, so many at a time; right after session_open. */
void session_ask_allocs(__u32 blocks, __u64 kept);
/* So many paths can have blocks, and so many rows that are no Python code be; right after that. */
void session_limit_allocs(__u32 paths);
void session_limit_rows(__u32 rows);
/* Only those from so many bytes on; right after that. */
void session_ask_least_block(__u64 bytes);
/* Do entries and returns come to one program, as since 6.13? Stays for the sessions that follow. */
void session_use_alloc_sessions(bool is_on);
/* With those: how many returns were not waited for. */
__u32 session_spared_returns(void);
/* Does the kernel still wait for the return of a call with that stack pointer, in the current task?
 */
bool session_is_awaited(__u64 stack);
/* Which allocator's functions are called from now on, the first one's until then. */
void session_use_allocator(__u32 number);
/* A function of the allocator begins in the current task: its arguments, and the stack pointer. */
void session_alloc_entry(__u64 cookie, const __u64 arguments[3], __u64 stack);
/* And returns, to a caller with these registers. */
void session_set_caller(__u64 ip, __u64 bp);
void session_alloc_return(__u64 result, __u64 stack);
/* What a node has allocated; NULL: nothing yet. */
const struct wire_allocs *session_allocs(__u32 id);
__u32 session_count_blocks(void);
/* Those of blocks, and those that are kept for others. */
__u32 session_count_places(void);

/* The current task's page fault is over, or one that the kernel has had for it without a page
 * fault.
 */
void session_end_fault(void);
/* The next change is of a page fault there. */
void session_touch(__u64 address);
/* A fault for writing on a page that is present; by_kernel: within the system call that the
 * registers tell of. */
void session_write(__u64 address, bool by_kernel);
/* The current task is given pages. */
void session_allocate(__u32 order, __u32 gfp);
/* A system call begins with these registers; the last fault is over. */
void session_enter(unsigned long number, unsigned long first, unsigned long second,
		   unsigned long third);
/* Room was found for a mapping. */
void session_room(__u64 address, __u64 length);
/* Of a file from `offset` on; sought from above, or from below. */
void session_room_of(__u64 address, __u64 length, __u64 offset, bool is_from_above);
/* What a node holds; NULL: nothing yet. */
const struct wire_held *session_held(__u32 id);
/* Whose a page is, kind << 22 | id; 0: nobody's. */
__u32 session_owner(const struct mm_struct *mm, __u64 address);
__u32 session_count_regions(void);
/* What all nodes of an image hold of each kind. */
void session_sum_held(const struct mm_struct *mm, __s64 *ret_pages);
/* The id of the only node of a site of this name in an image, 0: there is none. */
__u32 session_find_named(const struct mm_struct *mm, const char *name);
/* The same of a row of this kind. */
__u32 session_find_kind(const struct mm_struct *mm, enum wire_site_kind kind);

/* What the kernel reports, on the current CPU. */
void session_rss_event(struct mm_struct *mm, __u32 kind);
void session_fault_event(void);
void session_exec_event(struct task_struct *task);
/* The same by a thread that had another number until then. */
void session_exec_event_of(struct task_struct *task, int former_tid);
/* Before: it is about to begin a program, in its memory still. Only kernels of SESSION_PERCPU tell.
 */
void session_prepare_exec_event(struct task_struct *task);
/* The current task begins to take its Python down. */
void session_finalizing(void);
bool session_stands(__u32 tgid); /* for a last look */
/* From now on only who has so many pages is stopped then. */
void session_ask_last_looks(__u32 least_pages);
void session_stop_last_looks(void);
/* User space looks at all nodes. */
void session_look(void);
void session_fork_event(struct task_struct *parent, struct task_struct *child);
void session_exit_event(struct task_struct *task);

/* The budget of --calls=auto looks at a hit of a call probe that counts for so many. */
void session_watch_budget(struct mm_struct *mm, __u32 hits);
/* The CPU time of all threads that it has seen. */
__u64 session_budget_cpu_ns(void);

/* A hit of a call probe: in the frame that starts or ends. */
void session_call(__u64 frame, __u64 tstate);
/* User space can watch code objects end, and does in an image. */
void session_ask_watches(void);
void session_watch(const struct mm_struct *mm, bool is_watched);
/* The probe at the end of a code object. */
void session_code_gone(__u64 code);
/* The frame at which a probe's program begins a walk of the current thread; 0: at none. */
__u64 session_probe_leaf(const struct mm_struct *mm);

/* Other tasks that have been preempted hold all scratch memory of this CPU, so that no call walks.
 */
void session_take_scratches(void);
void session_give_scratches(void);
/* A method on a node's path runs on this object. */
void session_note_object(const struct mm_struct *mm, __u32 id, __u64 object);
/* User space has seen that a frame stood before its calls were counted. */
void session_stand(const struct mm_struct *mm, __u64 frame);

/* A change and its event: a share moves, or the count of kernels to 6.1. */
void session_change(struct mm_struct *mm, __u32 kind, __s32 pages);

/* User space's part. */
void session_follow(__u32 tgid, __u32 ppid);
void session_attach(struct task_struct *const *tasks, size_t nr_tasks);
void session_settle(struct task_struct *const *tasks, size_t nr_tasks);
void session_ask_balance(struct task_struct *task);
/* The next record BALANCE is left in `ret`. */
void session_balance(struct task_struct *task, struct wire_balance *ret);
/* Says that an image has this interpreter; one layout a session. */
void session_set_python(const struct mm_struct *mm, const struct wire_layout *layout, __u64 bias);
void session_set_file(const struct wire_file *file, const struct wire_file_layout *known,
		      const struct wire_layout *layout);
void session_free_slot(__u32 slot);
void session_free_ids(__u32 first, __u32 count);
/* The node of an id; NULL: it is free. */
const struct wire_node *session_node(__u32 id);
/* The id of a path in one of the three tables; 0: none. Ends the test when it is in two. */
__u32 session_find_id(__u64 key);
/* Has the node changed since the last time? */
bool session_take_mark(__u32 id);

/* A new process with one thread that runs now, followed since its exec. */
struct task_struct *session_process(int tgid, const char *comm);

/* The same with further threads, `count` in all: each a path of its own by its name, for there is
 * no Python. */
struct mm_struct *session_threads(int tgid, const char *const *names, size_t count,
				  struct task_struct **ret);

/* NULL when the mm is not tracked. */
struct wire_image *session_image(const struct mm_struct *mm);
struct wire_python *session_python(const struct mm_struct *mm);
struct wire_thread *session_thread(__u32 tid);

/*
 * The ring buffer's records since the last time. Sites are remembered for session_report(), others
 * are kept for session_take(). session_drain() reads all; without it the ring fills up.
 */
void session_drain(void);
/* The oldest record of a type that was not taken yet, 0 when there is none. */
bool session_take(enum wire_record_type type, void *ret, size_t size);
bool session_find_site(const char *name, struct wire_site *ret);

/*
 * All that was booked, sorted, a path a line, root first: "<module>;f;g*3 anon+5 file-2\n", with
 * functions of C as (file:begin), in hexadecimal, then "(lost) anon+1\n" and "!sites_full 1 event 5
 * pages\n". The caller frees it.
 */
char *session_report(void);
/* Part of a line of it, or of some. */
void session_assert_row(const char *row);

/* For every image: opening + nodes + lost = books; every node's parent is there, its key follows
 * from them. Ends the test when not. */
void session_check(void);

#endif
