/* SPDX-License-Identifier: BSD-2-Clause */
/* See usdt_test.h. */
#include "usdt_test.h"

#include <elf.h>
#include <errno.h>

#include "usdt_found.h"

int usdt_test_find(struct elf_file *file, uint64_t semaphore_vaddr, uint64_t *ret_vaddrs,
		   size_t max)
{
	const struct elf_segment *segment = elf_file_text(file);
	struct usdt_found found = { .vaddrs = ret_vaddrs, .max = max };
	int err;

	if (!segment)
		return -ENOENT;
	err = elf_file_charge(file, segment->file_bytes);
	if (err)
		return err;
	err = elf_file_machine(file) == EM_AARCH64
		      ? usdt_found_by_arm64(file, semaphore_vaddr, &found)
		      : usdt_found_by_x86(file, semaphore_vaddr, &found);
	if (err)
		return err;
	if (found.is_other || !found.count)
		return -ENOENT;
	return found.count > max ? -E2BIG : (int)found.count;
}
