// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The programs. Each is a few lines that gather an event's facts and hand them to a topic header;
 * read bottom-up: counters.h (how much), walk.h (which path), nodes.h (where it stands), book.h,
 * cached.h (kernels to 6.1), lifecycle.h (processes).
 *
 * The loader picks by feature: the *_percpu programs where RSS counters are per CPU, otherwise
 * the *_cached ones, and the *_oldest and *_plain ones where there is no bpf_loop.
 */
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "allocs.h"
#include "cow.h"
#include "last_looks.h"
#include "queues.h"
#include "task_events.h"
#include "wakes.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ALIVE(mm) ((mm)->mm_users.counter != 0)

/* Of an mm that is not the current task's; nobody else's pointer can be followed. */
static __always_inline bool has_users(__u64 mm)
{
	return BPF_CORE_READ((struct mm_struct *)mm, mm_users.counter) != 0;
}

static __always_inline void on_rss_change(struct change *change, __u64 mm)
{
	struct mm_struct *own = CURRENT(mm);
	bool is_own = (__u64)own == mm;
	struct node_id id = {};

	change->pages = share_delta(change->image, change->slot, change->kind);
	if (!is_own && !has_users(mm)) {
		end_image_percpu(change->slot, change->kind, change->pages);
		return;
	}
	if (!change->pages)
		return;
	if (!is_own || is_kernel_work()) {
		id.value = book_kernel(change->slot, change->kind, change->pages);
		own_elsewhere(change->slot, change->kind, change->pages, id);
	} else {
		id = book_current(change);
		if (cfg_owners && change->pages > 0 &&
		    (__s64)own->total_vm != change->image->address_space)
			note_mapped(change->slot, id.value, own->total_vm, read_heap(own));
	}
	note_peak(change->image);
}

/*
 * rss_stat, and with it rare events that need the same parts, so that the verifier goes through
 * the walk, the marks and the names once: a raw tracepoint's program may be attached to many. Which
 * event it is its first argument tells: an mm, the current task, or an address of user space
 * (vm_unmapped_area; an error's is negative).
 */
SEC("?raw_tp")
int BPF_PROG(rss_percpu, __u64 subject, __u64 detail)
{
	struct change change = {};

	hold_preemption();
	change.image = find_image((struct mm_struct *)subject, &change.slot);
	if (change.image) {
		change.kind = detail;
		if (change.kind < NR_KINDS)
			on_rss_change(&change, subject);
	} else if (cfg_preemptible) {
		/* Those below have programs of their own. */
	} else if (subject == bpf_get_current_task()) {
		on_own_event(detail);
	} else if ((cfg_owners || cfg_native) && IS_USER_ADDRESS(subject)) {
		on_room(subject, detail);
	}
	end_hold();
	return 0;
}

/* Copies of shared pages. */
SEC("?raw_tp")
int BPF_PROG(cow_alloc, void *page, unsigned int order, unsigned int gfp)
{
	hold_preemption();
	note_copy(order, gfp);
	end_hold();
	return 0;
}

/* Wake-ups of who sleeps; and of new threads, which are in no sleep. */
SEC("?raw_tp")
int BPF_PROG(wake_noted, struct task_struct *woken)
{
	if (BPF_CORE_READ(woken, __state) & TASK_INTERRUPTIBLE)
		note_wake(woken);
	return 0;
}

SEC("?raw_tp")
int BPF_PROG(birth_noted, struct task_struct *woken)
{
	note_wake(woken);
	return 0;
}

static __always_inline int rss_event(struct mm_struct *mm, int member, enum kernel kernel)
{
	struct change change = { .kind = member };
	__u32 kind = member;

	change.image = find_image(mm, &change.slot);
	if (!change.image || kind >= NR_KINDS)
		return 0;
	if (!ALIVE(mm)) {
		change.pages = cached_count(mm, kind) - change.image->claimed[kind_index(kind)];
		end_image_cached(change.slot, change.kind, change.pages);
		return 0;
	}
	if (CURRENT(mm) == mm && !(CURRENT(flags) & PF_KTHREAD))
		cached_own(&change, mm, kernel);
	else
		cached_foreign(&change, mm);
	return 0;
}

SEC("?tp_btf/rss_stat")
int BPF_PROG(rss_cached, struct mm_struct *mm, int member)
{
	return rss_event(mm, member, KERNEL_CACHED);
}

SEC("?tp_btf/rss_stat")
int BPF_PROG(rss_oldest, struct mm_struct *mm, int member)
{
	return rss_event(mm, member, KERNEL_OLDEST);
}

/* Of a fault in kernel mode nothing can be learned: `ip` is 0 then. */
static __always_inline int fault_event(int (*learn_by)(__u32 slot, __u64 ip), __u64 ip,
				       enum kernel kernel)
{
	struct change change = {};

	if (is_faulting_disabled())
		return 0;
	change.image = find_image(CURRENT(mm), &change.slot);
	if (!change.image)
		return 0;
	if (ip && is_python_unknown(change.slot))
		learn_by(change.slot, ip);
	cached_fault(&change, kernel);
	return 0;
}

#ifndef __TARGET_ARCH_arm64
/* Owners of pages: where a touch is, by the task or by the kernel for it. */
SEC("?raw_tp")
int BPF_PROG(fault_owned, unsigned long address, struct pt_regs *registers,
	     unsigned long error_code)
{
	note_fault(address, error_code);
	return 0;
}

SEC("?tp_btf/page_fault_user")
int BPF_PROG(fault_cached, unsigned long address, struct pt_regs *registers)
{
	return fault_event(learn_at, registers->IP, KERNEL_CACHED);
}

SEC("?tp_btf/page_fault_user")
int BPF_PROG(fault_oldest, unsigned long address, struct pt_regs *registers)
{
	return fault_event(learn_by_tree, registers->IP, KERNEL_OLDEST);
}

SEC("?tp_btf/page_fault_kernel")
int BPF_PROG(kfault_cached)
{
	return fault_event(learn_at, 0, KERNEL_CACHED);
}

SEC("?tp_btf/page_fault_kernel")
int BPF_PROG(kfault_oldest)
{
	return fault_event(learn_by_tree, 0, KERNEL_OLDEST);
}
#else
/* There are no tracepoints of faults, but a perf event, which tells the address alone: it may be
 * for writing to a page that is there. */
static __always_inline __u64 sample_error_code(const struct perf_sample *sample)
{
	return FAULT_PRESENT | FAULT_WRITE | (sample->pstate & PSR_MODE ? 0 : FAULT_USER);
}

SEC("?perf_event")
int fault_sampled(struct perf_sample *sample)
{
	note_fault(sample->address, sample_error_code(sample));
	return 0;
}

static __always_inline __u64 sample_ip(const struct perf_sample *sample)
{
	return sample->pstate & PSR_MODE ? 0 : sample->pc;
}

SEC("?perf_event")
int fault_sampled_cached(struct perf_sample *sample)
{
	return fault_event(learn_at, sample_ip(sample), KERNEL_CACHED);
}

SEC("?perf_event")
int fault_sampled_oldest(struct perf_sample *sample)
{
	return fault_event(learn_by_tree, sample_ip(sample), KERNEL_OLDEST);
}
#endif

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec_cached, struct task_struct *task, int former_tid)
{
	on_exec(task, former_tid, false);
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(fork_percpu, struct task_struct *parent, struct task_struct *child)
{
	hold_preemption();
	take_turn(TURN_FORK);
	on_fork(parent, child, true);
	end_hold();
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(fork_cached, struct task_struct *parent, struct task_struct *child)
{
	on_fork(parent, child, false);
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(exit_percpu, struct task_struct *task)
{
	hold_preemption();
	on_exit(task, true);
	end_hold();
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(exit_cached, struct task_struct *task)
{
	on_exit(task, false);
	return 0;
}

/* Call probes: the frame is the current thread's leaf, the first or the second argument. */
SEC("?uprobe")
int call_leaf(struct pt_regs *registers)
{
	return count_call(registers, 0, 0, false);
}

SEC("?uprobe")
int call_arg1(struct pt_regs *registers)
{
	return count_call(registers, registers->ARG1, 0, false);
}

SEC("?uprobe")
int call_arg2(struct pt_regs *registers)
{
	return count_call(registers, registers->ARG2, registers->ARG1, false);
}

/* The same where there is no bpf_loop. */
SEC("?uprobe")
int call_leaf_plain(struct pt_regs *registers)
{
	return count_call(registers, 0, 0, true);
}

SEC("?uprobe")
int call_arg1_plain(struct pt_regs *registers)
{
	return count_call(registers, registers->ARG1, 0, true);
}

SEC("?uprobe")
int call_arg2_plain(struct pt_regs *registers)
{
	return count_call(registers, registers->ARG2, registers->ARG1, true);
}

SEC("?uprobe")
int code_gone(struct pt_regs *registers)
{
	return forget_code(registers);
}

/* The runtime is about to be taken down: the process is stopped, and user space lets it go on. */
SEC("?uprobe")
int finalizing(struct pt_regs *registers)
{
	__u32 slot;

	return find_image(READ_CURRENT(mm), &slot) ? stop_for_last_look(slot) : 0;
}

/* Functions of an allocator; the cookie says which. */
SEC("?uprobe")
int alloc_entry(struct pt_regs *registers)
{
	on_alloc_entry(registers, bpf_get_attach_cookie(registers));
	return 0;
}

SEC("?uretprobe")
int alloc_return(struct pt_regs *registers)
{
	return on_alloc_return(registers);
}

SEC("?uprobe")
int alloc_session(struct pt_regs *registers)
{
	return callback_result(on_alloc_session(registers));
}

/* Queues of work; the cookie says which function. */
SEC("?uprobe")
int queue_entry(struct pt_regs *registers)
{
	return on_queue_entry(registers, bpf_get_attach_cookie(registers));
}

SEC("?uretprobe")
int queue_return(struct pt_regs *registers)
{
	return on_queue_return(registers);
}

/*
 * The iterator walks all tasks when user space reads its file; what it does is set before.
 * Adopting opens the books of processes that user space has put into `processes` (attach).
 * Settling books what tasks hold in their caches and sums it up; a balance after that is exact.
 */
enum iterate_what { ITERATE_PREPARE, ITERATE_ADOPT, ITERATE_SETTLE, ITERATE_BALANCE };

__u32 iterate_what;
__u32 iterate_round; /* a new number for every reading */

static __always_inline void adopt(struct task_struct *task, struct mm_struct *mm, bool percpu)
{
	struct birth birth = { .mm = mm, .tgid = task->tgid };
	__u32 *ppid = bpf_map_lookup_elem(&processes, &birth.tgid);

	if (!ppid)
		return;
	*ppid = birth.ppid = BPF_CORE_READ(task, real_parent, tgid); /* also after an exec */
	begin_image(&birth, BEGIN_ATTACH, percpu);
}

/* The entry of another task's thread, made when it has caused no event yet. */
static __always_inline struct wire_thread *task_thread(struct change *change,
						       struct task_struct *task)
{
	struct wire_thread fresh = {
		.image_id = change->image->image_id,
		.tid = task->pid,
		.start_ns = task->start_time,
	};
	struct wire_thread *thread = bpf_map_lookup_elem(&threads, &fresh.tid);

	if (thread && thread->image_id == fresh.image_id)
		return thread;
	bpf_map_update_elem(&threads, &fresh.tid, &fresh, BPF_ANY);
	return bpf_map_lookup_elem(&threads, &fresh.tid);
}

/* Books what the task's caches have gained; at attach they belong to the opening instead. */
static __always_inline void settle_task(struct change *change, struct task_struct *task,
					bool opening)
{
	struct wire_image *image = change->image;
	struct wire_thread *thread = task_thread(change, task);

	if (!thread) {
		count_loss(image, LOSS_threads_full, 0);
		return;
	}
	for (__u32 kind = 0; opening && kind < NR_KINDS; kind++) {
		thread->cache[kind] = task_cache(task, kind);
		image->opening[kind] += thread->cache[kind];
		image->books[kind] += thread->cache[kind];
	}
	if (!opening)
		settle(change->slot, thread, task, thread->node);
	for (__u32 kind = 0; kind < NR_KINDS; kind++)
		image->cached[kind] += thread->cache[kind];
}

static __always_inline void balance(struct change *change, struct mm_struct *mm, bool percpu)
{
	struct wire_balance record = {};

	read_counters(change->image, mm, change->slot, record.kernel, percpu, false);
	for (int kind = 0; kind < NR_KINDS; kind++)
		record.kernel[kind] += change->image->cached[kind];
	if (send_balance(change->image, change->slot, RECORD_BALANCE, &record))
		lose_record(change->image->image_id);
}

static __always_inline bool is_first_of_round(struct wire_image *image)
{
	if (image->round == iterate_round)
		return false;
	image->round = iterate_round;
	return true;
}

static __always_inline int iterate(struct task_struct *task, bool percpu, bool adopts)
{
	struct change change = {};
	__u32 what = iterate_what;
	struct mm_struct *mm;
	bool first;

	if (percpu)
		percpu_init();
	if (!task || what == ITERATE_PREPARE)
		return 0;
	mm = BPF_CORE_READ(task, mm);
	if (!mm || !BPF_CORE_READ(mm, mm_users.counter))
		return 0;
	change.image = find_image(mm, &change.slot);
	if (adopts && !change.image && what == ITERATE_ADOPT) {
		adopt(task, mm, percpu);
		change.image = find_image(mm, &change.slot);
	}
	if (!change.image)
		return 0;
	first = is_first_of_round(change.image);
	if (adopts && percpu && what == ITERATE_ADOPT)
		watch_faults(task);
	if (what == ITERATE_BALANCE) {
		if (first)
			balance(&change, mm, percpu);
		return 0;
	}
	if (percpu)
		return 0;
	if (first)
		__builtin_memset(change.image->cached, 0, sizeof(change.image->cached));
	settle_task(&change, task, what == ITERATE_ADOPT);
	return 0;
}

SEC("?iter/task")
int iterate_percpu(struct bpf_iter__task *context)
{
	hold_preemption();
	iterate(context->task, true, true);
	end_hold();
	return 0;
}

/* Where nothing is attached to: a third of the instructions. */
SEC("?iter/task")
int balance_percpu(struct bpf_iter__task *context)
{
	hold_preemption();
	iterate(context->task, true, false);
	end_hold();
	return 0;
}

SEC("?iter/task")
int iterate_cached(struct bpf_iter__task *context)
{
	return iterate(context->task, false, true);
}
