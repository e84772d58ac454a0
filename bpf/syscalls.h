/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the current task's system call does to its address space, from the registers with which it
 * came into the kernel: they lie at the top of its kernel stack for as long as it is in there. So a
 * release knows its range without a hook on any system call. In a page fault there is no number
 * (NO_SYSCALL). Of a 32-bit task nothing is told.
 */
#ifndef MEMPROBE_SYSCALLS_H
#define MEMPROBE_SYSCALLS_H

#include "gaps.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE (1ULL << PAGE_SHIFT)

#define CLONE_VFORK 0x4000

#define MREMAP_FIXED 2

#define PROT_EXEC 4

#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_DENYWRITE 0x800 /* says nothing to the kernel, but is what glibc's loader maps with */
#define MAP_POPULATE 0x8000
#define MADV_FREE 8
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#define MADV_COLLAPSE 25

#define HUGE_PAGE_BYTES (1ULL << 21)

/* Pages by their numbers; begin == end: none. */
struct page_range {
	__u64 begin;
	__u64 end;
};

static __always_inline struct page_range pages_of(__u64 address, __u64 bytes)
{
	struct page_range range = {
		.begin = address >> PAGE_SHIFT,
		.end = (address + bytes + (1 << PAGE_SHIFT) - 1) >> PAGE_SHIFT,
	};

	return range;
}

static __always_inline __u64 whole_pages(__u64 bytes)
{
	return (bytes + PAGE_SIZE - 1) & -PAGE_SIZE;
}

/* NULL: they do not mean what is asked of them here. */
static __always_inline struct pt_regs *syscall_registers(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (task->COMPAT_FLAGS & COMPAT_FLAG)
		return NULL;
	return (struct pt_regs *)bpf_task_pt_regs(task);
}

/* Did the task come into the kernel by a fault or an interrupt of its own code? */
static __always_inline bool is_no_syscall(void)
{
	struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	return registers->SYSCALL_NUMBER == NO_SYSCALL;
}

/* Does the system call that begins a process let both run at once? clone3() has flags in memory,
 * first of all (struct clone_args). */
static __always_inline bool is_beside_child(void)
{
	struct pt_regs *registers = syscall_registers();
	__u64 flags;

	if (!registers)
		return false;
	if (registers->SYSCALL_NUMBER == NR_clone)
		return !(registers->SYSCALL_ARG1 & CLONE_VFORK);
	return registers->SYSCALL_NUMBER == NR_clone3 &&
	       !bpf_probe_read_user(&flags, sizeof(flags), (const void *)registers->SYSCALL_ARG1) &&
	       !(flags & CLONE_VFORK);
}

/* Its number; -1: as syscall_registers. */
static __always_inline unsigned long syscall_number(void)
{
	struct pt_regs *registers = syscall_registers();

	return registers ? registers->SYSCALL_NUMBER : -1UL;
}

/* Does the system call unmap what it takes away? */
static __always_inline bool is_unmapping(void)
{
	switch (syscall_number()) {
	case NR_munmap:
	case NR_brk:
	case NR_mremap:
	case NR_shmdt:
		return true;
	default:
		return false;
	}
}

/* The first argument of the system call: where a mapping is wished, for mmap. */
static __always_inline __u64 first_argument(void)
{
	struct pt_regs *registers = syscall_registers();

	return registers ? registers->SYSCALL_ARG1 : 0;
}

/* What goes from `address` on, where nothing is mapped any more: neither brk nor shmdt says how
 * much that is. */
static __always_inline struct page_range gap_from(__u64 address)
{
	struct page_range range = {};
	__u64 end = gap_end(address);

	return end > address ? pages_of(address, end - address) : range;
}

/* The one range that process_madvise is asked about, of the caller's own memory (6.13 and later);
 * of several, in any order, events do not say which. What a collapse takes it puts in again. */
static __always_inline struct page_range vector_range(const struct pt_regs *registers)
{
	struct page_range range = {};
	__u64 vector[2]; /* struct iovec */

	if (registers->SYSCALL_ARG3 != 1 || registers->SYSCALL_ARG4 == MADV_COLLAPSE ||
	    bpf_probe_read_user(vector, sizeof(vector), (void *)registers->SYSCALL_ARG2))
		return range;
	return pages_of(vector[0], vector[1]);
}

/* What the system call takes away, when it takes anything away. `faulting`: a fault is under way
 * in it. */
static __always_inline struct page_range released_range(bool faulting)
{
	struct pt_regs *registers = syscall_registers();
	struct page_range range = {};

	if (!registers)
		return range;
	switch (registers->SYSCALL_NUMBER) {
	case NR_madvise: /* what a collapse takes it puts in again, all of a huge page at once */
		if (registers->SYSCALL_ARG3 == MADV_COLLAPSE)
			return range;
		return pages_of(registers->SYSCALL_ARG1, registers->SYSCALL_ARG2);
	case NR_munmap:
	case NR_mmap:	  /* over what is there */
	case NR_mprotect: /* these put copies in the place of a private file's pages */
	case NR_pkey_mprotect:
	case NR_mlock:
	case NR_mlock2:
		return pages_of(registers->SYSCALL_ARG1, registers->SYSCALL_ARG2);
	case NR_mremap: /* over what is there, or to a smaller size */
		if (registers->SYSCALL_ARG4 & MREMAP_FIXED)
			return pages_of(registers->SYSCALL_ARG5, registers->SYSCALL_ARG3);
		if (registers->SYSCALL_ARG3 < registers->SYSCALL_ARG2) {
			range = pages_of(registers->SYSCALL_ARG1, registers->SYSCALL_ARG2);
			range.begin += whole_pages(registers->SYSCALL_ARG3) >> PAGE_SHIFT;
		}
		return range;
	case NR_brk: /* whose last page stays */
		return gap_from(whole_pages(registers->SYSCALL_ARG1));
	case NR_shmdt:
		return gap_from(registers->SYSCALL_ARG1);
	case NR_process_madvise:
		return vector_range(registers);
	case NR_read: /* past the page cache */
	case NR_pread64:
		return faulting ? range
				: pages_of(registers->SYSCALL_ARG2, registers->SYSCALL_ARG3);
	default:
		return range;
	}
}

/*
 * Does the system call split huge pages of which it is asked for a part? Of such a page all zeros
 * go since 6.12, whether asked for or not (try_to_map_unused_to_zeropage, mm/migrate.c). It takes
 * nothing else away but what is swapped out.
 */
static __always_inline bool is_splitting(void)
{
	struct pt_regs *registers = syscall_registers();
	unsigned long advice;

	if (!registers)
		return false;
	advice = registers->SYSCALL_NUMBER == NR_process_madvise ? registers->SYSCALL_ARG4
								 : registers->SYSCALL_ARG3;
	if (registers->SYSCALL_NUMBER != NR_madvise &&
	    registers->SYSCALL_NUMBER != NR_process_madvise)
		return false;
	return advice == MADV_FREE || advice == MADV_COLD || advice == MADV_PAGEOUT;
}

/* What a system call is asked for that has an address and a length first, as all on mappings. */
static __always_inline struct page_range asked_range(void)
{
	struct pt_regs *registers = syscall_registers();
	struct page_range range = {};

	if (!registers || registers->SYSCALL_NUMBER == NO_SYSCALL)
		return range;
	return pages_of(registers->SYSCALL_ARG1, registers->SYSCALL_ARG2);
}

/* The mapping for which the system call seeks room. 0: another's. */
static __always_inline __u64 sought_bytes(void)
{
	struct pt_regs *registers = syscall_registers();

	if (registers && registers->SYSCALL_NUMBER == NR_mmap)
		return whole_pages(registers->SYSCALL_ARG2);
	if (registers && registers->SYSCALL_NUMBER == NR_mremap)
		return whole_pages(registers->SYSCALL_ARG3);
	return 0;
}

/* What was found, larger than the mapping by `pad`. */
struct room {
	__u64 address;
	__u64 pad;
	__u64 offset; /* in the file */
	__u64 flags;
};

/* Room is sought twice, with a pad and without the file the second time (mm/shmem.c,
 * shmem_get_unmapped_area): for a page less than a huge one of its sizes. */
static __always_inline bool is_sought_again(__u64 pad)
{
	return pad & PAGE_SIZE;
}

/*
 * Since 6.7 room for whole huge pages is sought with one more, and the mapping put where it has
 * them at the same places as its file (mm/huge_memory.c, __thp_get_unmapped_area): in what was
 * found from above not at its begin.
 */
static __always_inline __u64 align_mapping(const struct room *room)
{
	const bool is_again = is_sought_again(room->pad);
	__u64 size = room->pad + (is_again ? PAGE_SIZE : 0);
	__u64 shift = (room->offset - room->address) & (size - 1);

	if (!room->pad || size & (size - 1))
		return room->address;
	if (!shift && !is_again && room->flags & VM_UNMAPPED_AREA_TOPDOWN)
		shift = size;
	return room->address + shift;
}

/* Where mmap's new mapping lies. `mapped` is where room was found for the last one, whose wish was
 * `hint`. No room is sought for one that lies where it was wished. */
static __always_inline struct page_range mapping_range(const struct pt_regs *registers,
						       __u64 mapped, __u64 hint)
{
	bool is_as_wished = registers->SYSCALL_ARG4 & MAP_FIXED ||
			    registers->SYSCALL_ARG1 != hint || !mapped;

	if (registers->SYSCALL_ARG1 && is_as_wished)
		return pages_of(registers->SYSCALL_ARG1, registers->SYSCALL_ARG2);
	return pages_of(mapped << PAGE_SHIFT, mapped ? registers->SYSCALL_ARG2 : 0);
}

/* What madvise fills without a fault: of the holes only those of whole huge pages, for a collapse.
 */
static __always_inline struct page_range advised_range(const struct pt_regs *registers)
{
	__u64 begin = registers->SYSCALL_ARG1,
	      end = registers->SYSCALL_ARG1 + registers->SYSCALL_ARG2;
	struct page_range range = {};

	switch (registers->SYSCALL_ARG3) {
	case MADV_COLLAPSE:
		begin = (begin + HUGE_PAGE_BYTES - 1) & -HUGE_PAGE_BYTES;
		end = whole_pages(end) & -HUGE_PAGE_BYTES;
		return begin < end ? pages_of(begin, end - begin) : range;
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return pages_of(begin, end - begin);
	default:
		return range;
	}
}

static __always_inline bool is_mapping(void)
{
	struct pt_regs *registers = syscall_registers();

	return registers && registers->SYSCALL_NUMBER == NR_mmap;
}

/* The file of the code, or what a dynamic loader takes for it, that the system call maps. */
static __always_inline struct file *mapped_file(void)
{
	struct pt_regs *registers = syscall_registers();
	struct file **opened, *file = NULL;
	__u32 fd;

	if (!registers || registers->SYSCALL_NUMBER != NR_mmap ||
	    registers->SYSCALL_ARG4 & MAP_ANONYMOUS ||
	    !(registers->SYSCALL_ARG4 & MAP_DENYWRITE || registers->SYSCALL_ARG3 & PROT_EXEC))
		return NULL;
	fd = registers->SYSCALL_ARG5;
	if (fd >= READ_CURRENT(files, fdt, max_fds))
		return NULL;
	opened = READ_CURRENT(files, fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), opened + fd);
	return file;
}

static __always_inline bool is_collapsing(void)
{
	struct pt_regs *registers = syscall_registers();

	return registers && registers->SYSCALL_NUMBER == NR_madvise &&
	       registers->SYSCALL_ARG3 == MADV_COLLAPSE;
}

/* Does the system call bring pages in rather than give them back? */
static __always_inline bool is_filling(void)
{
	struct pt_regs *registers = syscall_registers();

	if (!registers)
		return false;
	switch (registers->SYSCALL_NUMBER) {
	case NR_madvise:
		return registers->SYSCALL_ARG3 == MADV_POPULATE_READ ||
		       registers->SYSCALL_ARG3 == MADV_POPULATE_WRITE ||
		       registers->SYSCALL_ARG3 == MADV_COLLAPSE;
	case NR_read:
	case NR_write:
	case NR_mprotect:
	case NR_pread64:
	case NR_pwrite64:
	case NR_mlock:
	case NR_mlock2:
	case NR_pkey_mprotect:
		return true;
	default:
		return false;
	}
}

/* Does the system call give the process pages of its own, as if it wrote to each, without a fault?
 */
static __always_inline bool is_writing_to_all(void)
{
	struct pt_regs *registers = syscall_registers();

	if (!registers)
		return false;
	switch (registers->SYSCALL_NUMBER) {
	case NR_madvise:
		return registers->SYSCALL_ARG3 == MADV_POPULATE_WRITE;
	case NR_mlock:
	case NR_mlock2:
	case NR_mlockall:
		return true;
	default:
		return false;
	}
}

/* What the system call fills without a fault. `mapped` and `hint`: see mapping_range, note_heap. */
static __always_inline struct page_range filled_range(__u64 mapped, __u64 hint)
{
	struct pt_regs *registers = syscall_registers();
	struct page_range range = {};

	if (!registers)
		return range;
	switch (registers->SYSCALL_NUMBER) {
	case NR_mmap:
		return mapping_range(registers, mapped, hint);
	case NR_brk:
		return (struct page_range){ mapped, hint };
	case NR_madvise:
		return advised_range(registers);
	case NR_mprotect: /* which makes a locked mapping one to write to */
	case NR_pkey_mprotect:
	case NR_mlock:
	case NR_mlock2:
		return pages_of(registers->SYSCALL_ARG1, registers->SYSCALL_ARG2);
	default:
		return range;
	}
}

/* What a read past the page cache fills, and a write reads from. */
static __always_inline struct page_range direct_range(void)
{
	struct pt_regs *registers = syscall_registers();
	struct page_range range = {};

	if (!registers)
		return range;
	switch (registers->SYSCALL_NUMBER) {
	case NR_read:
	case NR_write:
	case NR_pread64:
	case NR_pwrite64:
		return pages_of(registers->SYSCALL_ARG2, registers->SYSCALL_ARG3);
	default:
		return range;
	}
}

/* A mapping that mremap moves. */
struct page_move {
	__u64 from, to;
	__u64 pages; /* 0: none is moved */
};

static __always_inline struct page_move moved_range(__u64 address)
{
	struct pt_regs *registers = syscall_registers();
	struct page_move move = {};

	if (!registers || registers->SYSCALL_NUMBER != NR_mremap)
		return move;
	move.from = registers->SYSCALL_ARG1 >> PAGE_SHIFT;
	move.to = address >> PAGE_SHIFT;
	move.pages = whole_pages(registers->SYSCALL_ARG2 < registers->SYSCALL_ARG3
					 ? registers->SYSCALL_ARG2
					 : registers->SYSCALL_ARG3) >>
		     PAGE_SHIFT;
	return move;
}

#endif
