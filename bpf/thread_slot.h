/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading what a thread has set for a pthread key, or has in a thread-local variable, of the memory
 * of glibc and musl. Where they keep it is data (wire_slots, wire_tls), but for the address of the
 * table of thread-local blocks, which the machine tells.
 */
#ifndef MEMPROBE_THREAD_SLOT_H
#define MEMPROBE_THREAD_SLOT_H

#include "compat.h"
#include "state.h"

/* Keeps the compiler from proving, and the verifier from forgetting, a bound on `value`. */
#define BOUND(value, limit)                     \
	({                                      \
		asm volatile("" : "+r"(value)); \
		if (value > (limit))            \
			value = (limit);        \
	})

static __always_inline long read_user(void *to, __u32 size, __u64 address)
{
	return bpf_probe_read_user(to, size, (void *)address);
}

/* Whose state is looked for: mostly the current thread's. */
struct thread_at {
	__u64 bias;	      /* of the interpreter */
	__u64 thread_pointer; /* the thread's pointer */
};

/* Where a thread keeps its state, and by which right: glibc's number, else 0. */
struct thread_slot {
	__u64 sequence;
	__u64 tstate;
};

#define PTHREAD_KEYS 1024 /* PTHREAD_KEYS_MAX: glibc; musl has 128 */
/* musl keeps none, but leaves nothing in the slots of a deleted key. */
#define NO_SEQUENCE (~0ULL)

static __always_inline long read_pthread_slot(const struct wire_slots *slots, __u64 thread_pointer,
					      __u32 key, struct thread_slot *ret)
{
	__u64 block = thread_pointer + (__s64)slots->first_block;
	__u32 number = 0;

	if (key >= slots->block_keys) {
		number = key / slots->block_keys;
		key %= slots->block_keys;
	}
	if ((number || slots->first_block == NO_FIRST_BLOCK) &&
	    read_user(&block, sizeof(block), thread_pointer + (__s64)slots->blocks + 8 * number))
		return -1;
	ret->sequence = NO_SEQUENCE;
	ret->tstate = 0;
	if (!block) /* the thread has never set one of these */
		return 0;
	if (slots->slot_bytes == sizeof(*ret))
		return read_user(ret, sizeof(*ret), block + sizeof(*ret) * key);
	return read_user(&ret->tstate, sizeof(ret->tstate), block + 8 * key);
}

/* What find_thread_local() returns instead of an address. */
#define NO_BLOCK 0
#define BLOCK_UNREADABLE 1

/* Where the thread's DTV has its address. Its entries are as long as only one C library's. */
static __always_inline __s64 dtv_place(__u32 dtv_bytes)
{
	return dtv_bytes == 16 ? GLIBC_DTV : MUSL_DTV;
}

/* Of tls_bound: with the length of an entry of the DTV, is_word. */
#define TLS_IS_WORD (1U << 8)

static __always_inline __u32 describe_tls(const struct wire_layout *layout)
{
	bool is_word = HAS_TLS_DESCRIPTORS && layout->tls_bound.is_word;

	return layout->dtv_bytes | (is_word ? TLS_IS_WORD : 0);
}

/* Where what a tls_index names lies for a thread. The thread's DTV has an entry {block, to free}
 * for each module, in musl the block alone; glibc: the block of a module is made
 * when the thread first needs it, and until then the entry is TLS_DTV_UNALLOCATED (-1) or 0. */
__noinline __u64 find_thread_local(__u64 thread_pointer, __u64 tls_index, __u32 dtv_bytes)
{
	__u64 index[2] = {}, block = 0;

	if (HAS_TLS_DESCRIPTORS && dtv_bytes & TLS_IS_WORD) {
		if (read_user(&block, sizeof(block), tls_index))
			return BLOCK_UNREADABLE;
		if (block < TLS_FIRST_ADDRESS) /* 0: not linked yet */
			return block ? thread_pointer + block : NO_BLOCK;
		tls_index = block;
		dtv_bytes &= ~TLS_IS_WORD;
	}
	if (read_user(index, sizeof(index), tls_index) ||
	    read_user(&block, sizeof(block), thread_pointer + dtv_place(dtv_bytes)) ||
	    read_user(&block, sizeof(block), block + dtv_bytes * index[0]))
		return BLOCK_UNREADABLE;
	return block + 1 <= 1 ? NO_BLOCK : block + index[1];
}

/* Does the thread's DTV end before that module's entry? glibc makes it longer only when the
 * thread needs it; dtv[-1] holds the number of its entries. musl: dtv[0]. */
__noinline int is_beyond_dtv(__u64 thread_pointer, __u64 tls_index, __u32 dtv_bytes)
{
	__u64 module = 0, dtv = 0, entries = 0;

	if (HAS_TLS_DESCRIPTORS && dtv_bytes & TLS_IS_WORD) {
		if (read_user(&dtv, sizeof(dtv), tls_index) || dtv < TLS_FIRST_ADDRESS)
			return 0;
		tls_index = dtv;
		dtv_bytes &= ~TLS_IS_WORD;
	}
	return tls_index && !read_user(&module, sizeof(module), tls_index) &&
	       !read_user(&dtv, sizeof(dtv), thread_pointer + dtv_place(dtv_bytes)) &&
	       !read_user(&entries, sizeof(entries), dtv_bytes == 16 ? dtv - 16 : dtv) &&
	       module > entries;
}

static __always_inline long read_thread_local(const struct wire_layout *layout, struct thread_at at,
					      struct thread_slot *ret)
{
	const struct wire_tls *tls = &layout->tls_bound;
	__u64 block = at.thread_pointer;

	ret->sequence = ret->tstate = 0;
	if (tls->index_vaddr)
		block = find_thread_local(at.thread_pointer, at.bias + tls->index_vaddr,
					  describe_tls(layout));
	if (block == NO_BLOCK)
		return 0;
	if (block == BLOCK_UNREADABLE)
		return -1;
	return read_user(&ret->tstate, sizeof(ret->tstate), block + (__s64)tls->offset);
}

#endif
