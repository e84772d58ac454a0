/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's side of memory counters; see machine.h. */
#include "machine.h"

#include <string.h>

#include "host/host.h"

#define SYNC_THRESHOLD 64	  /* TASK_RSS_EVENTS_THRESH, mm/memory.c until 6.1 */
#define KERNEL_STACK_BYTES 0x4000 /* registers of user mode lie at its end */
#define THREAD_LOCAL_BASE 0x7f0000000000ULL
#define THREAD_LOCAL_STEP 0x10000ULL
/* glibc puts a struct pthread of 0x900 bytes at the end of a page, thread-local variables below. */
#define THREAD_LOCAL_BYTES 0x700

enum maple_type { MAPLE_LEAF_64 = 1, MAPLE_RANGE_64, MAPLE_ARANGE_64 };

#define MAPLE_NODE_BYTES 256
#define MAPLE_SLOTS 16
#define ARANGE_SLOTS 10
#define MAPLE_ENODE 4 /* set in entries of nodes but the root, which has 2 */
#define MAPLE_ROOT 2

static void make_thread_local(__u64 thread_pointer)
{
	static const char zeroes[HOST_PAGE];

	host_user_write(thread_pointer - THREAD_LOCAL_BYTES, zeroes, sizeof(zeroes));
}

static struct percpu_counter *percpu(const struct mm_struct *mm, __u32 kind)
{
	return &((struct mm_struct___percpu *)mm)->rss_stat[kind];
}

/* `counters` is an offset that every CPU adds to its base. */
static __s32 *share(const struct mm_struct *mm, __u32 kind, __u32 cpu)
{
	return host_percpu_at(cpu, (uintptr_t)percpu(mm, kind)->counters);
}

static __s64 *count(const struct mm_struct *mm, __u32 kind)
{
	return &((struct mm_struct___cached *)mm)->rss_stat.count[kind].counter;
}

struct mm_struct *machine_mm_new(bool is_percpu)
{
	struct mm_struct *mm = host_kernel_new(sizeof(struct mm_struct___maple));

	mm->mm_users.counter = 1;
	for (__u32 kind = 0; is_percpu && kind < NR_KINDS; kind++)
		percpu(mm, kind)->counters = (__s32 *)(uintptr_t)host_percpu_new(sizeof(__s32));
	return mm;
}

struct file *machine_file_new(__u64 ino, __u32 dev)
{
	struct backing_file *file = host_kernel_new(sizeof(*file));

	file->file.f_inode = host_kernel_new(sizeof(*file->file.f_inode));
	file->file.f_inode->i_ino = ino;
	file->file.f_inode->i_ctime_sec = MACHINE_FILE_NS / 1000000000;
	file->file.f_inode->i_ctime_nsec = MACHINE_FILE_NS % 1000000000;
	file->file.f_inode->i_sb = host_kernel_new(sizeof(*file->file.f_inode->i_sb));
	file->file.f_inode->i_sb->s_dev = dev;
	return &file->file;
}

static struct vm_area_struct___tree *mapping_of(struct rb_node *node)
{
	return (void *)((char *)node - offsetof(struct vm_area_struct___tree, vm_rb));
}

static struct vm_area_struct *find_mapping(const struct mm_struct *mm, __u64 address)
{
	struct rb_node *node = ((const struct mm_struct___tree *)mm)->mm_rb.rb_node;

	while (node) {
		struct vm_area_struct *mapping = &mapping_of(node)->common;

		if (address >= mapping->vm_start && address < mapping->vm_end)
			return mapping;
		node = address < mapping->vm_start ? node->rb_left : node->rb_right;
	}
	return NULL;
}

struct vm_area_struct *machine_map(struct mm_struct *mm, struct file *file, __u64 begin,
				   __u64 bytes, __u64 offset)
{
	struct vm_area_struct___tree *mapping = host_kernel_new(sizeof(*mapping));
	struct rb_node **place = &((struct mm_struct___tree *)mm)->mm_rb.rb_node;

	mapping->common.vm_start = begin;
	mapping->common.vm_end = begin + bytes;
	mapping->common.vm_pgoff = offset / HOST_PAGE;
	mapping->common.vm_file = file;
	while (*place)
		place = begin < mapping_of(*place)->common.vm_start ? &(*place)->rb_left
								    : &(*place)->rb_right;
	*place = &mapping->vm_rb;
	host.find_mapping = find_mapping;
	return &mapping->common;
}

/* So many nodes of a maple tree (include/linux/maple_tree.h). */
static char *maple_nodes_new(int number)
{
	char *memory = host_kernel_new((number + 1) * MAPLE_NODE_BYTES);

	return memory + (-(uintptr_t)memory & (MAPLE_NODE_BYTES - 1));
}

/* It says of which type the node is. */
static void *maple_entry(void *node, enum maple_type type)
{
	return (char *)node + ((unsigned int)type << 3 | MAPLE_ENODE);
}

/* The gap is in the last node of three levels: behind the last slot in use, and a full node's last,
 * no pivot is set. */
void machine_set_gap(struct mm_struct *mm, __u64 begin, __u64 end)
{
	void **tree = &((struct mm_struct___maple *)mm)->mm_mt.ma_root;
	char *nodes = *tree ? (char *)*tree - (uintptr_t)*tree % MAPLE_NODE_BYTES
			    : maple_nodes_new(3);
	struct maple_arange_64 *root = (void *)nodes;
	struct maple_range_64 *middle = (void *)(nodes + MAPLE_NODE_BYTES);
	struct maple_range_64 *leaf = (void *)(nodes + 2 * MAPLE_NODE_BYTES);
	const __u64 before = begin / 2;

	root->pivot[0] = before;
	root->slot[1] = maple_entry(middle, MAPLE_RANGE_64);
	for (int i = 0; i < MAPLE_SLOTS - 1; i++)
		middle->pivot[i] = before + 1 + i;
	middle->slot[MAPLE_SLOTS - 1] = maple_entry(leaf, MAPLE_LEAF_64);
	leaf->pivot[0] = begin - 1;
	leaf->slot[0] = leaf->slot[2] = mm;
	leaf->pivot[1] = end - 1;
	*tree = (char *)maple_entry(root, MAPLE_ARANGE_64) + MAPLE_ROOT;
}

/* Entries that lie side by side, of one level of a tree: each to `last`. */
struct maple_entry {
	__u64 last;
	void *entry; /* NULL: a gap */
};

#define MAX_MAPLE_ENTRIES 192

/* In order, with the gaps between them; returns how many. */
static int list_mappings(struct rb_node *node, struct maple_entry *entries, int count)
{
	const struct vm_area_struct *mapping;

	if (!node)
		return count;
	count = list_mappings(node->rb_left, entries, count);
	mapping = &mapping_of(node)->common;
	HOST_CHECK(count < MAX_MAPLE_ENTRIES - 2);
	if ((count ? entries[count - 1].last + 1 : 0) != mapping->vm_start)
		entries[count++].last = mapping->vm_start - 1;
	entries[count++] = (struct maple_entry){ mapping->vm_end - 1, mapping_of(node) };
	return list_mappings(node->rb_right, entries, count);
}

/* The last slot of a full node has no pivot; that of every other one has 0 (mas_data_end). */
static void fill_maple_node(unsigned long *pivots, int nr_pivots, void **slots,
			    const struct maple_entry *entries, int count, bool has_last)
{
	for (int i = 0; i < count; i++) {
		slots[i] = entries[i].entry;
		if (i < nr_pivots && (has_last || i < count - 1))
			pivots[i] = entries[i].last;
	}
}

/* One level up: nodes of a level's entries become the entries of the next. */
static int stack_level(char *nodes, struct maple_entry *entries, int count, int fan,
		       enum maple_type type)
{
	int made = 0;

	for (int first = 0; first < count; first += fan, made++) {
		int here = count - first < fan ? count - first : fan;
		void *node = nodes + made * MAPLE_NODE_BYTES;
		struct maple_arange_64 *arange = node;
		struct maple_range_64 *range = node;

		if (type == MAPLE_ARANGE_64)
			fill_maple_node(arange->pivot, ARANGE_SLOTS - 1, arange->slot,
					entries + first, here, made % 2);
		else
			fill_maple_node(range->pivot, MAPLE_SLOTS - 1, range->slot, entries + first,
					here, made % 2);
		entries[made] = (struct maple_entry){ entries[first + here - 1].last,
						      maple_entry(node, type) };
	}
	return made;
}

void machine_make_tree(struct mm_struct *mm, int fan)
{
	struct maple_entry entries[MAX_MAPLE_ENTRIES] = { 0 };
	int count = list_mappings(((struct mm_struct___tree *)mm)->mm_rb.rb_node, entries, 0);
	char *nodes = maple_nodes_new(2 * count + 2);
	enum maple_type type = MAPLE_LEAF_64;

	entries[count++].last = -1ULL;
	do {
		count = stack_level(nodes, entries, count, fan, type);
		nodes += count * MAPLE_NODE_BYTES;
		type = MAPLE_ARANGE_64;
		fan = fan < ARANGE_SLOTS ? fan : ARANGE_SLOTS;
	} while (count > 1);
	((struct mm_struct___maple *)mm)->mm_mt.ma_root = (char *)entries[0].entry + MAPLE_ROOT;
}

struct task_struct *machine_task_new(struct mm_struct *mm, int tgid, int pid, const char *comm)
{
	struct task_struct *task = host_kernel_new(sizeof(struct task_struct___cached));

	task->mm = mm;
	task->tgid = tgid;
	task->pid = pid;
	task->start_time = 1000 + (__u64)pid;
	strncpy(task->comm, comm, sizeof(task->comm) - 1);
	task->stack = (void *)((uintptr_t)(&host.registers + 1) - KERNEL_STACK_BYTES);
	task->THREAD_POINTER = THREAD_LOCAL_BASE + (__u64)pid * THREAD_LOCAL_STEP +
			       THREAD_LOCAL_BYTES;
	task->signal = host_kernel_new(sizeof(*task->signal));
	task->sighand = host_kernel_new(sizeof(*task->sighand));
	task->real_parent = task;
	make_thread_local(task->THREAD_POINTER);
	return task;
}

void machine_set_root(struct task_struct *task, int mount, __u64 inode)
{
	struct mount *place = host_kernel_new(sizeof(*place));
	struct dentry *root = host_kernel_new(sizeof(*root));

	place->mnt_id = mount;
	root->d_inode = host_kernel_new(sizeof(*root->d_inode));
	root->d_inode->i_ino = inode;
	task->fs = host_kernel_new(sizeof(*task->fs));
	task->fs->root.mnt = &place->mnt;
	task->fs->root.dentry = root;
}

void machine_run(struct task_struct *task)
{
	host.current = task;
}

void machine_percpu_add(struct mm_struct *mm, __u32 kind, __s32 amount, __s32 batch)
{
	struct percpu_counter *counter = percpu(mm, kind);
	__s32 *mine = share(mm, kind, host.cpu), sum = *mine + amount;

	if (sum >= batch || sum <= -batch) {
		counter->count += sum;
		*mine = 0;
		return;
	}
	*mine = sum;
}

__s32 machine_percpu_share(const struct mm_struct *mm, __u32 kind, __u32 cpu)
{
	return *share(mm, kind, cpu);
}

__s64 machine_percpu_sum(const struct mm_struct *mm, __u32 kind)
{
	__s64 sum = percpu(mm, kind)->count;

	for (__u32 cpu = 0; cpu < HOST_CPUS; cpu++)
		sum += *share(mm, kind, cpu);
	return sum;
}

void machine_count_add(struct mm_struct *mm, __u32 kind, __s64 amount)
{
	*count(mm, kind) += amount;
}

__s64 machine_count(const struct mm_struct *mm, __u32 kind)
{
	return *count(mm, kind);
}

int *machine_cache(struct task_struct *task, __u32 kind)
{
	return &((struct task_struct___cached *)task)->rss_stat.count[kind];
}

void machine_cache_add(struct task_struct *task, __u32 kind, int amount)
{
	*machine_cache(task, kind) += amount;
}

bool machine_cache_is_due(struct task_struct *task)
{
	return ((struct task_struct___cached *)task)->rss_stat.events++ > SYNC_THRESHOLD;
}

void machine_cache_end_flush(struct task_struct *task)
{
	((struct task_struct___cached *)task)->rss_stat.events = 0;
}
