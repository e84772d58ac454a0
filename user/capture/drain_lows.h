/* SPDX-License-Identifier: BSD-2-Clause */
/* How far an amount fell since the last look, and rose again (struct wire_low). */
#ifndef MEMPROBE_DRAIN_LOWS_H
#define MEMPROBE_DRAIN_LOWS_H

#include <stdbool.h>
#include <stdint.h>

#include <memprobe/limits.h>
#include <memprobe/wire.h>

/* May there be one that the last look did not see, because it had begun? */
static inline bool drain_has_low(const struct wire_low *low, uint32_t look)
{
	return low->look + 1 == look;
}

/* More than an address space has bytes is nonsense, which nobody may add up. */
#define MAX_FALLEN (1LL << ADDRESS_BITS)

/* `look` is the one that has begun, `is` the amount now. What came after it began is the next
 * one's. Returns how much less there was at the least. */
static inline int64_t drain_fallen(const struct wire_low *low, uint32_t look, int64_t is)
{
	int64_t least = is;

	if (low->look == look)
		least = low->before;
	else if (low->look + 1 == look)
		least = low->now;
	if (least >= is)
		return 0;
	return least < is - MAX_FALLEN ? MAX_FALLEN : is - least;
}

#endif
