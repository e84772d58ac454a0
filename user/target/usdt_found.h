/* SPDX-License-Identifier: BSD-2-Clause */
/* What the searches of usdt_test.h find in a file's first executable segment, which there is:
 * usdt_test_x86.c, usdt_test_arm64.c. */
#ifndef MEMPROBE_USDT_FOUND_H
#define MEMPROBE_USDT_FOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elf_file.h"

struct usdt_found {
	uint64_t *vaddrs;
	size_t count, max; /* of more than max the first are kept */
	bool is_other;	   /* a reference of another form */
};

static inline void usdt_found_add(struct usdt_found *found, uint64_t vaddr)
{
	if (found->count++ < found->max)
		found->vaddrs[found->count - 1] = vaddr;
}

/* 0, or -errno of elf_file_read. */
int usdt_found_by_x86(struct elf_file *file, uint64_t semaphore, struct usdt_found *found);
int usdt_found_by_arm64(struct elf_file *file, uint64_t semaphore, struct usdt_found *found);

#endif
