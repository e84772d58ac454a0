/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the BPF side learns by itself where an image has its interpreter.
 *
 * User space would come too late for a process of 20 ms on a busy machine, so it is asked about
 * files, not about processes: what it has once inspected stands in `files`. An executable with the
 * interpreter inside is looked up at exec (lifecycle.h). A libpython is mapped later, by ld.so or
 * dlopen(), and is looked for here: at each memory event of an image whose interpreter is unknown,
 * the mapping in which the thread runs is looked up.
 *
 * That is in time. The code of a library is not mapped before something touches it, and nothing but
 * executing it does: its first instruction is a page fault, whose event finds the thread in it; so
 * are those of every further 64 KB that run (fault-around), and a CPython runs through megabytes
 * before its first frame. One such event is enough.
 *
 * An image that never has a Python pays for this at each event, so the last mappings that were none
 * are kept and not looked up again for a while: most events come from ld.so, libc and the program.
 */
#ifndef MEMPROBE_LEARN_H
#define MEMPROBE_LEARN_H

#include "compat.h"
#include "state.h"

#define PAGE_BYTES 4096ULL
#define SEARCH_RANGES 4	 /* a power of two */
#define SEARCH_EVENTS 64 /* then another file may have come to where one was seen */

/* Mappings of an image that hold no interpreter. Threads share it without a lock: a range may be
 * mixed of two, until it is forgotten. */
struct search {
	__u32 image_id;
	__u32 files; /* known_files when these were looked at */
	__u32 events;
	__u32 next; /* range to be written */
	__u64 begin[SEARCH_RANGES];
	__u64 end[SEARCH_RANGES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_IMAGES);
	__type(key, __u32);
	__type(value, struct search);
} searches SEC(".maps");

/* Tells user space something about an image at once. */
__noinline int send_knock(__u32 slot, __u32 type, __u32 layout)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_knock record = { .slot = slot, .layout = layout };

	if (!image)
		return 0;
	record.tgid = image->tgid;
	record.head.type = type;
	record.head.image_id = image->image_id;
	record.head.time_ns = bpf_ktime_get_ns();
	return send_once(&record, sizeof(record), true);
}

/*
 * The inode that /proc/PID/maps names. The one of a mapped file of overlayfs is the lower file's;
 * since 6.7 (def3ae83da02) maps shows the one that the user opened instead. The bit that tells such
 * a file is another since 6.14, where its former one means that nobody is told of what happens to
 * the file: so what is found has to be of a file system that has such files.
 */
static __always_inline struct inode *user_inode(struct file *file)
{
	struct backing_file *backing = (void *)file;
	struct inode *opened;
	__u64 magic;

	if (bpf_core_field_exists(struct backing_file, user_path) &&
	    (BPF_CORE_READ(file, f_mode) & (FMODE_BACKING | FMODE_BACKING_6_14))) {
		opened = BPF_CORE_READ(backing, user_path.dentry, d_inode);
		magic = BPF_CORE_READ(opened, i_sb, s_magic);
		if (magic == OVERLAYFS_MAGIC || magic == FUSE_MAGIC)
			return opened;
	}
	return BPF_CORE_READ(file, f_inode);
}

/* Of an inode, as stat(2) tells it; 0 where it is not known. */
__noinline __u64 change_time(__u64 address)
{
	struct inode *inode = (void *)address;
	struct inode___6_6 *before = (void *)address;
	struct inode___5_10 *plain = (void *)address;
	struct timespec64 time = {};

	if (bpf_core_field_exists(struct inode, i_ctime_sec)) {
		time.tv_sec = BPF_CORE_READ(inode, i_ctime_sec);
		time.tv_nsec = BPF_CORE_READ(inode, i_ctime_nsec) & ~CTIME_QUERIED;
	} else if (bpf_core_field_exists(struct inode___6_6, __i_ctime)) {
		time = BPF_CORE_READ(before, __i_ctime);
	} else if (bpf_core_field_exists(struct inode___5_10, i_ctime)) {
		time = BPF_CORE_READ(plain, i_ctime);
	}
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

/* With the time of its last change: a file may be rewritten in place, and its inode may be given to
 * another. What has changed is unknown until user space has looked at it again. */
static __always_inline void identify(struct inode *inode, struct wire_file *ret)
{
	ret->ino = BPF_CORE_READ(inode, i_ino);
	ret->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	ret->pad = 0;
	ret->changed_ns = change_time((__u64)inode);
}

static __always_inline struct wire_file_layout *find_file(struct inode *inode)
{
	struct wire_file file;

	identify(inode, &file);
	return bpf_map_lookup_elem(&files, &file);
}

/* Is it to be looked in which mapping this instruction lies? */
static __always_inline bool is_search_due(struct search *search, __u32 image_id, __u64 ip)
{
	if (!known_files)
		return false;
	if (search->image_id != image_id || search->files != known_files ||
	    ++search->events > SEARCH_EVENTS) {
		__builtin_memset(search, 0, sizeof(*search));
		search->image_id = image_id;
		search->files = known_files;
	}
	for (int i = 0; i < SEARCH_RANGES; i++) {
		if (ip >= search->begin[i] && ip < search->end[i])
			return false;
	}
	return true;
}

static __always_inline void keep_range(struct search *search, __u64 begin, __u64 end)
{
	__u32 next = search->next++;

	asm volatile("%0 &= 3" : "+r"(next)); /* verifier: as in kind_index */
	search->begin[next] = begin;
	search->end[next] = end;
}
_Static_assert(SEARCH_RANGES == 4, "keep_range");

/* Does a mapping show all of the file's code? */
static __always_inline bool is_text(const struct wire_file_layout *known, __u64 offset, __u64 bytes)
{
	__u64 first = known->text_offset & ~(PAGE_BYTES - 1);
	__u64 end = (known->text_offset + known->text_bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);

	return offset == first && bytes == end - first;
}

/* Returns 1 when the interpreter is in this mapping. */
static __always_inline int learn_from(struct vm_area_struct *mapping, __u32 slot)
{
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	struct search *search = bpf_map_lookup_elem(&searches, &slot);
	__u64 begin = BPF_CORE_READ(mapping, vm_start), end = BPF_CORE_READ(mapping, vm_end);
	struct file *file = BPF_CORE_READ(mapping, vm_file);
	struct wire_file_layout *known = file ? find_file(user_inode(file)) : NULL;
	__u64 offset = BPF_CORE_READ(mapping, vm_pgoff) * PAGE_BYTES;

	if (!python || !search)
		return 0;
	if (!known || !is_text(known, offset, end - begin)) {
		keep_range(search, begin, end);
		return 0;
	}
	python->bias = begin - (known->text_vaddr - known->text_offset + offset);
	python->layout = known->layout;
	python->image_id = search->image_id;
	*(volatile __u16 *)&python->state = PYTHON_KNOWN;
	send_knock(slot, RECORD_FOUND, known->layout);
	return 1;
}

static __always_inline bool begin_search(__u32 slot, __u64 ip)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct search *search = bpf_map_lookup_elem(&searches, &slot);

	return image && search && is_search_due(search, image->image_id, ip);
}

struct found_mapping {
	__u32 slot;
	__u32 is_python;
};

static long look_at_mapping(struct task_struct *task, struct vm_area_struct *mapping, void *data)
{
	struct found_mapping *found = data;

	found->is_python = learn_from(mapping, found->slot);
	return 0;
}

/* The current thread, one of the image's, runs at `ip`. Returns whether that is the interpreter.
 * Kernels since 5.17; while another thread changes the mappings nothing is learned, but at the next
 * event. */
__noinline int learn_at(__u32 slot, __u64 ip)
{
	struct found_mapping found = { .slot = slot };

	if (begin_search(slot, ip))
		bpf_find_vma(bpf_get_current_task_btf(), ip, look_at_mapping, &found, 0);
	return found.is_python;
}

/* The same where the instruction is to be found first. */
__noinline int learn(__u32 slot)
{
	struct pt_regs *registers = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());

	return learn_at(slot, registers->IP);
}

#define MAX_TREE_HEIGHT 40 /* a red-black tree of the 65,530 mappings of a process is lower */

/* One step down; 0 when that was a leaf, or the mapping is found. */
static __always_inline __u64 step_down(__u64 node, __u64 ip, struct vm_area_struct **ret_mapping)
{
	struct vm_area_struct *mapping =
		(void *)(node - bpf_core_field_offset(struct vm_area_struct___tree, vm_rb));
	struct rb_node *here = (void *)node;

	if (ip < BPF_CORE_READ(mapping, vm_start))
		return (__u64)BPF_CORE_READ(here, rb_left);
	if (ip >= BPF_CORE_READ(mapping, vm_end))
		return (__u64)BPF_CORE_READ(here, rb_right);
	*ret_mapping = mapping;
	return 0;
}

/* Kernels to 5.16, which keep mappings in a tree that can be read. Without a lock: what is missed
 * while it is turned is found at the next event. */
__noinline int learn_by_tree(__u32 slot, __u64 ip)
{
	struct mm_struct___tree *mm = (void *)CURRENT(mm);
	struct vm_area_struct *mapping = NULL;
	__u64 node;

	if (!begin_search(slot, ip))
		return 0;
	node = (__u64)BPF_CORE_READ(mm, mm_rb.rb_node);
	for (int i = 0; i < MAX_TREE_HEIGHT && node; i++)
		node = step_down(node, ip, &mapping);
	return mapping ? learn_from(mapping, slot) : 0;
}

static __always_inline bool is_python_unknown(__u32 slot)
{
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);

	return python && python->state == PYTHON_UNKNOWN;
}

/* User space is told again and again, ever more rarely: the library may have been mapped only now,
 * and may be one that it has never seen. */
__noinline int ask_for_python(__u32 slot)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u64 events = image ? image->events : 0;

	return events >= 16 && !(events & (events - 1)) ? send_knock(slot, RECORD_KNOCK, 0) : 0;
}

/* At an event of an image whose interpreter is unknown. Kernels with task caches have looked at the
 * fault already. */
static __always_inline void look_for_python(struct wire_image *image, __u32 slot,
					    bool has_task_caches)
{
	image->events++;
	if (has_task_caches || !learn(slot))
		ask_for_python(slot);
}

/*
 * Was the interpreter known in time? Told once, by the first walk that can: when the main module
 * has begun by then, or the runtime already ends, what the image has grown stands on [startup] and
 * on [native] rows. At its highest, because what was given back stood there too.
 */
__noinline int judge_find_now(__u32 slot, __u32 has_frames)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u64 id = bpf_get_current_pid_tgid();
	bool is_main = (__u32)id == id >> 32, is_late;
	__s64 pages;

	if (!image || (!has_frames && !is_main))
		return 0;
	pages = image->peak;
	image->flags |= IMAGE_FIND_JUDGED;
	if (has_frames)
		is_late = !is_main || (image->flags & IMAGE_MAIN_SEEN);
	else
		is_late = image->flags & IMAGE_FINALIZING;
	pages -= image->opening[KIND_FILE] + image->opening[KIND_ANON] + image->opening[KIND_SHMEM];
	if (is_late && pages > 0)
		count_loss(image, LOSS_found_late, pages);
	return 0;
}

static __always_inline void judge_find(const struct wire_image *image, __u32 slot, bool has_frames)
{
	if (!(image->flags & IMAGE_FIND_JUDGED))
		judge_find_now(slot, has_frames);
}

#endif
