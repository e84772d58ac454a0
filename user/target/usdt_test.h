/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a program tests the semaphore of a USDT probe. It comes there at every firing, whether the
 * semaphore is raised or not; only a raised one makes it work out the probe's arguments. CPython's
 * are C strings that PyUnicode_AsUTF8 makes in the target's memory, and a file name that is no
 * UTF-8 (lone surrogates) then becomes a UnicodeEncodeError in a program that did nothing wrong
 * (seen with 3.11.2). The conditional jump behind the test can be probed without any of that.
 */
#ifndef MEMPROBE_USDT_TEST_H
#define MEMPROBE_USDT_TEST_H

#include <stddef.h>
#include <stdint.h>

#include "elf_file.h"

/*
 * Fills in the addresses of the jumps, `max` at most, and returns how many there are. -ENOENT: the
 * semaphore is referred to nowhere, or somewhere in another way than by a load or comparison
 * and a jump, so that firings would be missed; -E2BIG: more than max, or more text than the file's
 * budget has; -EIO.
 */
int usdt_test_find(struct elf_file *file, uint64_t semaphore_vaddr, uint64_t *ret_vaddrs,
		   size_t max);

#endif
