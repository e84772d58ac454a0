/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions of arm64 for tests, as words; checked against GNU as 2.40. */
#ifndef MEMPROBE_ARM64_WORDS_H
#define MEMPROBE_ARM64_WORDS_H

#include <stdint.h>

#define WORD_NOP 0xd503201fU
#define WORD_BTI_C 0xd503245fU
#define WORD_PACIASP 0xd503233fU
#define WORD_RET 0xd65f03c0U
#define WORD_PUSH_LINK 0xa9bf7bfdU	   /* stp x29, x30, [sp, #-16]! */
#define WORD_THREAD(d) (0xd53bd040U | (d)) /* mrs d, tpidr_el0 */
#define WORD_BLR(n) (0xd63f0000U | (n) << 5)
#define WORD_BR(n) (0xd61f0000U | (n) << 5)
#define WORD_MOVE(d, m) (0xaa0003e0U | (m) << 16 | (d))
#define WORD_ADD(d, n, value) (0x91000000U | (uint32_t)(value) << 10 | (n) << 5 | (d))
#define WORD_LDR_X(d, n, value) (0xf9400000U | (uint32_t)(value) / 8 << 10 | (n) << 5 | (d))
#define WORD_LDR_W(d, n, value) (0xb9400000U | (uint32_t)(value) / 4 << 10 | (n) << 5 | (d))
#define WORD_LDRH(d, n, value) (0x79400000U | (uint32_t)(value) / 2 << 10 | (n) << 5 | (d))
#define WORD_STR_X(d, n, value) (0xf9000000U | (uint32_t)(value) / 8 << 10 | (n) << 5 | (d))
#define WORD_STR_W(d, n, value) (0xb9000000U | (uint32_t)(value) / 4 << 10 | (n) << 5 | (d))
#define WORD_STP_X(d, m, n, value) \
	(0xa9000000U | (uint32_t)(value) / 8 << 15 | (m) << 10 | (n) << 5 | (d))
#define WORD_LDR_INDEXED(d, n, m) (0xf8606800U | (m) << 16 | (n) << 5 | (d))
#define WORD_CBNZ_W(d, distance) (0x35000000U | ((uint32_t)(distance) / 4 & 0x7ffff) << 5 | (d))
#define WORD_CBZ_X(d, distance) (0xb4000000U | ((uint32_t)(distance) / 4 & 0x7ffff) << 5 | (d))
#define WORD_B(distance) (0x14000000U | ((uint32_t)((int64_t)(distance) / 4) & 0x3ffffff))
#define WORD_BL(distance) (0x94000000U | ((uint32_t)((int64_t)(distance) / 4) & 0x3ffffff))

static inline uint32_t word_adrp(unsigned int d, uint64_t at, uint64_t target)
{
	uint32_t pages = (uint32_t)((target >> 12) - (at >> 12));

	return 0x90000000U | (pages & 3) << 29 | (pages >> 2 & 0x7ffff) << 5 | d;
}

/* The part of an address that adrp leaves out. */
static inline uint32_t low_of(uint64_t vaddr)
{
	return (uint32_t)(vaddr & 0xfff);
}

#endif
