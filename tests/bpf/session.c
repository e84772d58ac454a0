/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs, called. What they left is read by session_report.c; see session.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/programs.h"
#include "memory.h"
#include "session_maps.h"

const char *const session_kernel_names[NR_SESSION_KERNELS] = { "percpu", "cached", "oldest" };

static enum session_kernel running;
static struct vm_unmapped_area_info *room; /* the kernel's, for as long as the session */

static bool is_preemptible(void)
{
	return running == SESSION_PREEMPTIBLE || running == SESSION_KEPT_BACK;
}

bool session_is_percpu(void)
{
	return running == SESSION_PERCPU || is_preemptible();
}

/* A program of a tracepoint. */
#define RUN(program)                                \
	do {                                        \
		host.needs_hold = is_preemptible(); \
		program;                            \
		HOST_CHECK(!host.is_held);          \
		host.needs_hold = false;            \
	} while (0)

/* A program of a task's event that a second one follows; perf holds preemption off. */
#define RUN_FIRST(program)                        \
	do {                                      \
		if (running != SESSION_KEPT_BACK) \
			program;                  \
	} while (0)

bool session_has_loop(void)
{
	return running != SESSION_OLDEST;
}

static void iterate_over(enum iterate_what what, struct task_struct *const *tasks, size_t nr_tasks)
{
	iterate_what = what;
	iterate_round++;
	for (size_t i = 0; i < nr_tasks; i++) {
		struct bpf_iter__task context = { .task = tasks[i] };

		if (session_is_percpu())
			RUN(iterate_percpu(&context));
		else
			iterate_cached(&context);
	}
}

/* What the programs keep outside their maps is as after loading. */
static void load_programs(void)
{
	const __u32 cpus = HOST_CPUS;
	const __s32 batch = SESSION_BATCH;
	const __u32 slots = session_is_percpu() ? SESSION_SLOTS : 0;
	const __u32 max_nodes = DEFAULT_MAX_NODES, max_sites = DEFAULT_MAX_SITES;
	const bool has_lines = false, has_owners = false, has_threads = false, holds = true;
	const bool has_native = false, can_preempt = is_preemptible();
	const __u32 most_turns = can_preempt ? MAX_PREEMPTED : 1;

	host_map_resize(HOST_TABLE(&turns), most_turns);
	memset(second_turns, 0, sizeof(second_turns));
	host_configure(&cfg_preemptible, &can_preempt, sizeof(can_preempt));
	host_configure(&cfg_cpus, &cpus, sizeof(cpus));
	host_configure(&cfg_fold_batch, &batch, sizeof(batch));
	host_configure(&cfg_fresh_slots, &slots, sizeof(slots));
	host_configure(&cfg_max_nodes, &max_nodes, sizeof(max_nodes));
	host_configure(&cfg_call_nodes, &max_nodes, sizeof(max_nodes));
	host_configure(&cfg_max_sites, &max_sites, sizeof(max_sites));
	host_configure(&cfg_lines, &has_lines, sizeof(has_lines));
	host_configure(&cfg_splits, &has_lines, sizeof(has_lines));
	host_configure(&cfg_owners, &has_owners, sizeof(has_owners));
	host_configure(&cfg_instances, &has_lines, sizeof(has_lines));
	host_configure(&cfg_threads, &has_threads, sizeof(has_threads));
	host_configure(&cfg_native, &has_native, sizeof(has_native));
	host_configure(&cfg_shortcuts, &holds, sizeof(holds));
	unwind_changes = 0;
	nodes_made = nodes_removed = sites_made = sites_removed = 0;
	blocks_made = blocks_removed = 0;
	budget_spent_ns = budget_cpu_ns = 0;
	memset(watched_images, 0, sizeof(watched_images));
	specials_made = specials_removed = 0;
	percpu_offset = 0;
	fresh_slots = 0;
	known_files = 0;
	iterate_round = 0;
	last_looks_are_over = false;
	room = NULL;
}

/* Runs of odd lengths, as they come back from ended images. */
static void fill_ids(void)
{
	host_map_resize(HOST_TABLE(&nodes), SESSION_IDS);
	host_map_resize(HOST_TABLE(&changed_nodes), SESSION_IDS / CHANGED_BLOCK);
	host_map_resize(HOST_QUEUE(&free_ids), SESSION_IDS);
	for (__u32 id = 1, count = 1; id < SESSION_IDS; id += count, count = count % 7 + 1)
		session_free_ids(id, id + count < SESSION_IDS ? count : SESSION_IDS - id);
}

void session_open(enum session_kernel kernel)
{
	struct task_struct *none = NULL;

	host_reset();
	session_forget();
	running = kernel;
	host.has_task_btf = kernel != SESSION_OLDEST;
	load_programs();
	for (__u32 slot = 0; slot < SESSION_SLOTS && !session_is_percpu(); slot++)
		session_free_slot(slot);
	fill_ids();
	iterate_over(ITERATE_PREPARE, &none, 1);
}

void session_close(void)
{
	session_forget();
	host_reset();
	looks = 0;
}

void session_limit_nodes(__u32 limit, __u32 deeper)
{
	const __u32 call_nodes = limit / 8 * 7;

	host_configure(&cfg_max_nodes, &limit, sizeof(limit));
	host_configure(&cfg_call_nodes, &call_nodes, sizeof(call_nodes));
	host_map_resize(HOST_TABLE(&node_ids), limit);
	host_map_resize(HOST_TABLE(&deeper_ids), deeper);
}

void session_limit_sites(__u32 limit)
{
	host_configure(&cfg_max_sites, &limit, sizeof(limit));
	host_map_resize(HOST_TABLE(&sites), limit + RESERVED_ROWS);
}

void session_ask_lines(void)
{
	const bool has_lines = true, holds = false;

	host_configure(&cfg_lines, &has_lines, sizeof(has_lines));
	host_configure(&cfg_splits, &has_lines, sizeof(has_lines));
	host_configure(&cfg_shortcuts, &holds, sizeof(holds));
}

void session_ask_instances(void)
{
	const bool has_instances = true, holds = false;

	host_configure(&cfg_instances, &has_instances, sizeof(has_instances));
	host_configure(&cfg_splits, &has_instances, sizeof(has_instances));
	host_configure(&cfg_shortcuts, &holds, sizeof(holds));
}

void session_ask_threads(void)
{
	const bool has_threads = true, holds = false;

	host_configure(&cfg_threads, &has_threads, sizeof(has_threads));
	host_configure(&cfg_shortcuts, &holds, sizeof(holds));
}

#define UNWIND_ROWS 256
#define UNWIND_RULES 16

void session_ask_native(__u32 limit)
{
	const bool has_native = true;

	host_configure(&cfg_native, &has_native, sizeof(has_native));
	host_map_resize(HOST_TABLE(&unwind_rows), UNWIND_ROWS);
	host_map_resize(HOST_TABLE(&unwind_rules), UNWIND_RULES);
	host_map_resize(HOST_TABLE(&unwind_files), limit);
	host_map_resize(HOST_TABLE(&unwinds), NR_SCRATCHES);
}

void session_put_unwind_row(__u32 index, __u32 offset, __u32 rule)
{
	const struct wire_unwind_row row = { .offset = offset, .rule = rule };

	assert_int_equal(bpf_map_update_elem(&unwind_rows, &index, &row, BPF_ANY), 0);
}

void session_put_unwind_rule(__u32 index, const struct wire_unwind_rule *rule)
{
	assert_int_equal(bpf_map_update_elem(&unwind_rules, &index, rule, BPF_ANY), 0);
}

void session_put_unwind_file(const struct wire_file *file, const struct wire_unwind_file *known)
{
	assert_int_equal(bpf_map_update_elem(&unwind_files, file, known, BPF_ANY), 0);
	unwind_changes++;
}

void session_drop_unwind_file(const struct wire_file *file)
{
	assert_int_equal(bpf_map_delete_elem(&unwind_files, file), 0);
	unwind_changes++;
}

void session_ask_submitters(__u32 limit)
{
	const bool has_submitters = true, holds = false;

	host_configure(&cfg_submitters, &has_submitters, sizeof(has_submitters));
	host_configure(&cfg_shortcuts, &holds, sizeof(holds));
	host_map_resize(HOST_TABLE(&items), limit);
	host_map_resize(HOST_TABLE(&workers), limit);
}

void session_queue_entry(enum wire_queue_call call, __u64 queue, __u64 second)
{
	host.cookie = call;
	host.registers =
		(struct pt_regs){ .SYSCALL_NUMBER = NO_SYSCALL, .ARG1 = queue, .ARG2 = second };
	queue_entry(&host.registers);
}

void session_queue_return(__u64 item)
{
	host.registers = (struct pt_regs){ .SYSCALL_NUMBER = NO_SYSCALL, .RETURN_VALUE = item };
	queue_return(&host.registers);
}

void session_ask_owners(__u32 limit)
{
	const bool has_owners = true;

	host_configure(&cfg_owners, &has_owners, sizeof(has_owners));
	host_map_resize(HOST_TABLE(&regions), limit);
	host_map_resize(HOST_TABLE(&held), SESSION_IDS);
}

/* With sessions: calls whose return is not waited for, by their stack pointers. */
#define MAX_SPARED_RETURNS 8
static bool has_alloc_sessions;
static __u64 spared_returns[MAX_SPARED_RETURNS];
static __u32 nr_spared_returns;

#define TRAMPOLINE 0x7fffffffe000ULL
static __u32 allocator;

static struct pt_regs caller;

void session_set_caller(__u64 ip, __u64 bp)
{
	caller = (struct pt_regs){ .IP = ip, .FRAME_POINTER = bp };
}

void session_use_allocator(__u32 number)
{
	allocator = number;
}

void session_use_alloc_sessions(bool is_on)
{
	has_alloc_sessions = is_on;
}

void session_ask_least_block(__u64 bytes)
{
	host_configure(&cfg_allocs_min, &bytes, sizeof(bytes));
}

void session_ask_allocs(__u32 limit, __u64 kept)
{
	const bool has_allocs = true;

	host_configure(&cfg_allocs, &has_allocs, sizeof(has_allocs));
	host_configure(&cfg_kept_blocks, &kept, sizeof(kept));
	session_ask_least_block(0);
	session_use_allocator(1);
	session_set_caller(0, 0);
	memset(spared_returns, 0, sizeof(spared_returns));
	nr_spared_returns = 0;
	host_map_resize(HOST_TABLE(&blocks), limit);
	host_map_resize(HOST_TABLE(&allocs), SESSION_IDS);
}

/* As kernel/events/uprobes.c: cleanup_return_instances. */
static void forget_awaited(__u64 stack)
{
	struct uprobe_task *task = host.current->utask;

	while (task && task->return_instances && task->return_instances->stack <= stack)
		task->return_instances = task->return_instances->next;
}

/* The same: prepare_uretprobe. */
static void note_awaited(__u64 stack)
{
	struct return_instance *instance = host_kernel_new(sizeof(*instance));

	if (!host.current->utask)
		host.current->utask = host_kernel_new(sizeof(*host.current->utask));
	forget_awaited(stack);
	*instance = (struct return_instance){
		.stack = stack,
		.next = host.current->utask->return_instances,
	};
	host.current->utask->return_instances = instance;
}

bool session_is_awaited(__u64 stack)
{
	const struct return_instance *at;

	for (at = host.current->utask->return_instances; at; at = at->next)
		if (at->stack == stack)
			return true;
	return false;
}

/* The kernel puts its own address in the place of the function's return address. */
static void await_return(__u64 stack)
{
	struct uprobes_state *state = &host.current->mm->uprobes_state;
	const __u64 trampoline = TRAMPOLINE;

	note_awaited(stack);
	if (!state->xol_area) {
		state->xol_area = host_kernel_new(sizeof(*state->xol_area));
		state->xol_area->vaddr = TRAMPOLINE;
	}
	host_user_write(stack, &trampoline, sizeof(trampoline));
}

void session_alloc_entry(__u64 cookie, const __u64 arguments[3], __u64 stack)
{
	host.cookie = (__u64)allocator << ALLOC_CALL_BITS | cookie;
	host.registers = (struct pt_regs){
		.SYSCALL_NUMBER = NO_SYSCALL,
		.ARG1 = arguments[0],
		.ARG2 = arguments[1],
		.ARG3 = arguments[2],
		.sp = stack,
		.IP = HOST_FUNCTION,
	};
	if ((cookie & ALLOC_CALL_MASK) == ALLOC_FREE || cookie & ALLOC_UNFOLLOWED) {
		alloc_entry(&host.registers);
		return;
	}
	if (has_alloc_sessions && alloc_session(&host.registers)) {
		spared_returns[nr_spared_returns++ % MAX_SPARED_RETURNS] = stack;
		return;
	}
	if (!has_alloc_sessions)
		alloc_entry(&host.registers);
	await_return(stack);
}

__u32 session_spared_returns(void)
{
	return nr_spared_returns;
}

static bool is_spared(__u64 stack)
{
	for (__u32 i = 0; i < MAX_SPARED_RETURNS; i++) {
		if (spared_returns[i] != stack)
			continue;
		spared_returns[i] = 0;
		return true;
	}
	return false;
}

void session_alloc_return(__u64 result, __u64 stack)
{
	host.registers = (struct pt_regs){
		.SYSCALL_NUMBER = NO_SYSCALL,
		.RETURN_VALUE = result,
		.sp = stack + RETURN_ADDRESS_BYTES,
		.IP = caller.IP,
		.FRAME_POINTER = caller.FRAME_POINTER,
	};
	if (has_alloc_sessions && is_spared(stack))
		return;
	forget_awaited(stack);
	if (has_alloc_sessions)
		alloc_session(&host.registers);
	else
		alloc_return(&host.registers);
}

const struct wire_allocs *session_allocs(__u32 id)
{
	return bpf_map_lookup_elem(&allocs, &id);
}

void session_limit_held(__u32 limit)
{
	host_map_resize(HOST_TABLE(&held), limit);
}

void session_limit_allocs(__u32 limit)
{
	host_map_resize(HOST_TABLE(&allocs), limit);
}

void session_limit_rows(__u32 limit)
{
	host_map_resize(HOST_TABLE(&special_ids), limit);
}

/* mm_account_fault, mm/memory.c */
void session_end_fault(void)
{
	host.current->min_flt++;
}

/* The event of a fault, as the machine has it. */
static void report_fault(__u64 address, unsigned long error_code)
{
#ifdef __TARGET_ARCH_arm64
	struct perf_sample sample = {
		.pstate = error_code & FAULT_USER ? 0 : PSR_MODE,
		.address = address,
	};
	const __u8 there = 0;

	if (error_code & FAULT_PRESENT)
		host_user_write(address, &there, sizeof(there));
	fault_sampled(&sample);
#else
	fault_owned(address, &host.registers, error_code);
#endif
}

/* A fault of the current task's own code, or of the kernel's in its system call. */
static void begin_fault(__u64 address, unsigned long error_code)
{
	session_end_fault();
	if (error_code & FAULT_USER)
		host.registers = (struct pt_regs){ .SYSCALL_NUMBER = NO_SYSCALL };
	report_fault(address, error_code);
}

void session_touch(__u64 address)
{
	begin_fault(address, FAULT_USER);
}

void session_write(__u64 address, bool by_kernel)
{
	begin_fault(address, FAULT_PRESENT | FAULT_WRITE | (by_kernel ? 0 : FAULT_USER));
}

void session_allocate(__u32 order, __u32 gfp)
{
	RUN(cow_alloc(NULL, order, gfp));
}

void session_enter(unsigned long number, unsigned long first, unsigned long second,
		   unsigned long third)
{
	session_end_fault();
	host.registers = (struct pt_regs){ .SYSCALL_NUMBER = number,
					   .SYSCALL_ARG1 = first,
					   .SYSCALL_ARG2 = second,
					   .SYSCALL_ARG3 = third };
}

void session_room(__u64 address, __u64 length)
{
	session_room_of(address, length, 0, true);
}

void session_room_of(__u64 address, __u64 length, __u64 offset, bool is_from_above)
{
	if (!room)
		room = host_kernel_new(sizeof(*room));
	room->length = length;
	room->align_offset = offset;
	room->flags = is_from_above ? VM_UNMAPPED_AREA_TOPDOWN : 0;
	host.finds_room = true;
	if (is_preemptible())
		RUN(mapping_percpu(address, (uintptr_t)room));
	else
		rss_percpu(address, (uintptr_t)room);
	host.finds_room = false;
}

const struct wire_held *session_held(__u32 id)
{
	return bpf_map_lookup_elem(&held, &id);
}

__u32 session_owner(const struct mm_struct *mm, __u64 address)
{
	const struct region *region = find_region(session_image(mm)->image_id,
						  address >> PAGE_SHIFT);

	if (!region)
		return 0;
	return region->uniform ? region->uniform : read_owner(region, address >> PAGE_SHIFT);
}

static void count_element(const void *key, void *value, void *count)
{
	(void)key;
	(void)value;
	++*(__u32 *)count;
}

static void count_block(const void *key, void *value, void *count)
{
	(void)key;
	*(__u32 *)count += ((const struct wire_block *)value)->owner.value != 0;
}

__u32 session_count_blocks(void)
{
	__u32 count = 0;

	host_map_visit(HOST_TABLE(&blocks), count_block, &count);
	return count;
}

__u32 session_count_places(void)
{
	__u32 count = 0;

	host_map_visit(HOST_TABLE(&blocks), count_element, &count);
	return count;
}

__u32 session_count_regions(void)
{
	__u32 count = 0;

	host_map_visit(HOST_TABLE(&regions), count_element, &count);
	return count;
}

void session_limit_threads(__u32 limit)
{
	host_map_resize(HOST_TABLE(&threads), limit);
}

void session_limit_ring(__u32 bytes)
{
	host_map_resize(HOST_RING(&ring), bytes);
}

void session_rss_event(struct mm_struct *mm, __u32 kind)
{
	if (session_is_percpu())
		RUN(rss_percpu((uintptr_t)mm, kind));
	else if (running == SESSION_CACHED)
		rss_cached(mm, (int)kind);
	else
		rss_oldest(mm, (int)kind);
}

/* The reading of user memory itself disables faults in the task that does it, on 5.10. */
void session_fault_event(void)
{
	host.current->pagefault_disabled += running == SESSION_OLDEST;
#ifdef __TARGET_ARCH_arm64
	struct perf_sample sample = { .pc = host.registers.pc };

	if (running == SESSION_OLDEST)
		fault_sampled_oldest(&sample);
	else
		fault_sampled_cached(&sample);
#else
	if (running == SESSION_OLDEST)
		fault_oldest(0, &host.registers);
	else
		fault_cached(0, &host.registers);
#endif
	host.current->pagefault_disabled -= running == SESSION_OLDEST;
}

void session_watch_budget(struct mm_struct *mm, __u32 hits)
{
	__u32 slot;
	struct wire_image *image = find_image(mm, &slot);

	HOST_CHECK(image);
	spend(image, (hits - 1) * cfg_call_cost_ns); /* count_by_walk */
	watch_budget(image, slot);
}

__u64 session_budget_cpu_ns(void)
{
	return budget_cpu_ns;
}

void session_call(__u64 frame, __u64 tstate)
{
	count_call(&host.registers, frame, tstate, running == SESSION_OLDEST);
}

void session_ask_watches(void)
{
	const bool has_watches = running == SESSION_PERCPU;

	host_configure(&cfg_watches, &has_watches, sizeof(has_watches));
}

void session_watch(const struct mm_struct *mm, bool is_watched)
{
	const __u32 image_id = session_image(mm)->image_id;

	watched_images[image_id % MAX_IMAGES] = is_watched ? image_id : 0;
}

void session_code_gone(__u64 code)
{
	host.registers.ARG1 = code;
	forget_code(&host.registers);
}

static void set_scratches(__u32 tid)
{
	const __u32 zero = 0;
	struct scratch_owners *owners = bpf_map_lookup_elem(&scratch_owners, &zero);

	for (__u32 i = 0; i < NR_SCRATCHES; i++)
		owners->tids[i] = tid;
}

__u64 session_probe_leaf(const struct mm_struct *mm)
{
	const __u32 scratch = SCRATCH_RSS + 1, slot = session_image(mm)->image_id % MAX_IMAGES;
	const struct path *path = bpf_map_lookup_elem(&paths, &scratch);

	return begin_walk(slot, scratch, 0) == WALK_BEGUN ? path->frame : 0;
}

void session_take_scratches(void)
{
	set_scratches(1);
}

void session_give_scratches(void)
{
	set_scratches(0);
}

void session_stand(const struct mm_struct *mm, __u64 frame)
{
	const struct wire_standing key = {
		.frame = frame,
		.image_id = session_image(mm)->image_id,
	};
	const __u8 one = 1;

	bpf_map_update_elem(&standing, &key, &one, BPF_ANY);
	standing_bits[standing_bit(frame) / 64] |= 1ULL << standing_bit(frame) % 64;
}

void session_finalizing(void)
{
	finalizing(&host.registers);
}

bool session_stands(__u32 tgid)
{
	return bpf_map_lookup_elem(&last_looks, &tgid);
}

void session_ask_last_looks(__u32 least_pages)
{
	host_configure(&cfg_last_look_pages, &least_pages, sizeof(least_pages));
}

void session_look(void)
{
	looks++;
}

void session_stop_last_looks(void)
{
	last_looks_are_over = true;
}

void session_exec_event_of(struct task_struct *task, int former_tid)
{
	struct trace_event_raw_sched_process_exec event = { former_tid };

	if (is_preemptible()) {
		RUN_FIRST(exec_traced(&event));
		RUN(own_again((uintptr_t)task, (__u64)former_tid));
	} else if (session_is_percpu())
		rss_percpu((uintptr_t)task, (__u64)former_tid);
	else
		exec_cached(task, former_tid);
}

void session_exec_event(struct task_struct *task)
{
	session_exec_event_of(task, task->pid);
}

#define PROGRAM_TO_BE (-4096ULL) /* a kernel's address */

void session_prepare_exec_event(struct task_struct *task)
{
	if (is_preemptible()) {
		RUN_FIRST(left_traced(NULL));
		RUN(own_again((uintptr_t)task, PROGRAM_TO_BE));
	} else if (session_is_percpu())
		rss_percpu((uintptr_t)task, PROGRAM_TO_BE);
}

void session_fork_event(struct task_struct *parent, struct task_struct *child)
{
	if (is_preemptible()) {
		RUN_FIRST(RUN(fork_percpu(parent, child)));
		RUN(fork_again(parent, child));
	} else if (session_is_percpu())
		fork_percpu(parent, child);
	else
		fork_cached(parent, child);
}

void session_exit_event(struct task_struct *task)
{
	if (!session_is_percpu()) {
		exit_cached(task);
		return;
	}
	task->flags |= PF_EXITING;
	if (is_preemptible()) {
		RUN_FIRST(left_traced(NULL));
		RUN_FIRST(exit_traced(NULL));
		RUN(own_again((uintptr_t)task, false));
		RUN(exit_again(task));
	} else {
		rss_percpu((uintptr_t)task, false);
		exit_percpu(task);
	}
	task->flags &= ~(unsigned int)PF_EXITING;
}

void session_change(struct mm_struct *mm, __u32 kind, __s32 pages)
{
	if (session_is_percpu())
		machine_percpu_add(mm, kind, pages, SESSION_BATCH);
	else
		machine_count_add(mm, kind, pages);
	session_rss_event(mm, kind);
}

void session_follow(__u32 tgid, __u32 ppid)
{
	assert_int_equal(bpf_map_update_elem(&processes, &tgid, &ppid, BPF_ANY), 0);
}

void session_attach(struct task_struct *const *tasks, size_t nr_tasks)
{
	iterate_over(ITERATE_ADOPT, tasks, nr_tasks);
}

void session_settle(struct task_struct *const *tasks, size_t nr_tasks)
{
	iterate_over(ITERATE_SETTLE, tasks, nr_tasks);
}

void session_ask_balance(struct task_struct *task)
{
	iterate_over(ITERATE_BALANCE, &task, 1);
}

void session_balance(struct task_struct *task, struct wire_balance *ret)
{
	session_ask_balance(task);
	assert_true(session_take(RECORD_BALANCE, ret, sizeof(*ret)));
}

static void set_layout(const struct wire_layout *layout)
{
	__u32 index = 0;

	assert_int_equal(bpf_map_update_elem(&layouts, &index, layout, BPF_ANY), 0);
}

static __u32 slot_of(const struct mm_struct *mm)
{
	__u64 key = (uintptr_t)mm;
	const __u32 *slot = bpf_map_lookup_elem(&mms, &key);

	assert_non_null(slot);
	return *slot;
}

void session_set_python(const struct mm_struct *mm, const struct wire_layout *layout, __u64 bias)
{
	__u32 slot = slot_of(mm);
	struct wire_python python = {
		.bias = bias,
		.image_id = session_image(mm)->image_id,
		.layout = 0,
		.state = layout ? PYTHON_KNOWN : PYTHON_NONE,
	};

	if (layout)
		set_layout(layout);
	assert_int_equal(bpf_map_update_elem(&pythons, &slot, &python, BPF_ANY), 0);
}

void session_set_file(const struct wire_file *file, const struct wire_file_layout *known,
		      const struct wire_layout *layout)
{
	set_layout(layout);
	assert_int_equal(bpf_map_update_elem(&files, file, known, BPF_ANY), 0);
	known_files++;
}

void session_free_slot(__u32 slot)
{
	assert_int_equal(host_map_push(HOST_QUEUE(&free_slots), &slot), 0);
}

void session_free_ids(__u32 first, __u32 count)
{
	const struct wire_id_run run = { .first.value = first, .count = count };

	assert_int_equal(host_map_push(HOST_QUEUE(&free_ids), &run), 0);
}

void session_note_object(const struct mm_struct *mm, __u32 id, __u64 object)
{
	note_object(slot_of(mm), SCRATCH_RSS, id, object);
}

struct task_struct *session_process(int tgid, const char *comm)
{
	struct mm_struct *mm = machine_mm_new(session_is_percpu());
	struct task_struct *task = machine_task_new(mm, tgid, tgid, comm);

	machine_run(task);
	session_follow((__u32)tgid, 1);
	session_exec_event(task);
	assert_non_null(session_image(mm));
	return task;
}

struct mm_struct *session_threads(int tgid, const char *const *names, size_t count,
				  struct task_struct **ret)
{
	ret[0] = session_process(tgid, names[0]);
	session_set_python(ret[0]->mm, NULL, 0);
	for (size_t i = 1; i < count; i++) {
		ret[i] = machine_task_new(ret[0]->mm, tgid, tgid + (int)i, names[i]);
		session_fork_event(ret[0], ret[i]);
	}
	return ret[0]->mm;
}

struct wire_image *session_image(const struct mm_struct *mm)
{
	__u64 key = (uintptr_t)mm;
	const __u32 *slot = bpf_map_lookup_elem(&mms, &key);

	return slot ? bpf_map_lookup_elem(&images, slot) : NULL;
}

struct wire_python *session_python(const struct mm_struct *mm)
{
	__u32 slot = slot_of(mm);

	return bpf_map_lookup_elem(&pythons, &slot);
}

struct wire_thread *session_thread(__u32 tid)
{
	return bpf_map_lookup_elem(&threads, &tid);
}

/* What session_report.c reads. */
const struct wire_node *session_node(__u32 id)
{
	const struct wire_node *node = bpf_map_lookup_elem(&nodes, &id);

	return id && node && node->key ? node : NULL;
}

__u32 session_find_id(__u64 key)
{
	__u32 found = 0;

	for (enum node_table table = NODES_OF_PYTHON; table <= NODES_DEEPER; table++) {
		const struct node_id *id = find_id(table, &key);

		assert_true(!id || !found);
		found = id ? id->value : found;
	}
	return found;
}

bool session_take_mark(__u32 id)
{
	__u32 block = id / CHANGED_BLOCK;
	struct wire_changed *changed = bpf_map_lookup_elem(&changed_nodes, &block);
	bool is_marked = changed->marks[id % CHANGED_BLOCK];

	changed->marks[id % CHANGED_BLOCK] = 0;
	return is_marked;
}

struct host_record *session_next_record(void)
{
	return host_ring_pop(HOST_RING(&ring));
}

const struct wire_image *session_image_at(__u32 slot)
{
	return bpf_map_lookup_elem(&images, &slot);
}

bool session_loss(__u32 reason, __u64 *ret_events, __u64 *ret_pages)
{
	const struct loss *loss = bpf_map_lookup_elem(&losses, &reason);

	*ret_events = loss->events;
	*ret_pages = loss->pages;
	return loss->events != 0;
}
