/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets by version; see census_layout.h. A new version is a new column of the .def. */
#include "census_layout.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "memory.h"

#define NO CENSUS_NO_OFFSET
#define FIRST_VERSION 0x306
#define NR_COLUMNS 10

/* No count of references reaches this, and no pointer to a heap is below it. */
#define MAX_REFCOUNT (1ULL << 40)
/* 3.14 and later: the upper half is { u16 overflow, u16 flags } (Include/refcount.h). */
#define MAX_OVERFLOW 16

static const struct {
	size_t member; /* in struct census_layout */
	uint32_t values[NR_COLUMNS];
} fields[] = {
#define FIELD(name, ...) { offsetof(struct census_layout, name), { __VA_ARGS__ } },
#include "census_layout.def"
#undef FIELD
};
_Static_assert(ARRAY_SIZE(fields) * sizeof(uint32_t) == sizeof(struct census_layout),
	       "a field of struct census_layout has no row");

int census_layout_find(uint16_t version, struct census_layout *ret)
{
	size_t column = (size_t)version - FIRST_VERSION;

	if (version < FIRST_VERSION || column >= NR_COLUMNS)
		return -ENOTSUP;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		memcpy((char *)ret + fields[i].member, &fields[i].values[column], sizeof(uint32_t));
	return 0;
}

bool census_layout_is_refcount(uint16_t version, uint64_t word)
{
	if (version <= 0x30b)
		return word && word < MAX_REFCOUNT;
	/* Immortal objects have all or the upper two of the lower 32 bits (3.12). */
	if (version <= 0x30d)
		return word && word <= UINT32_MAX;
	return (uint32_t)word && (word >> 32 & 0xffff) < MAX_OVERFLOW;
}
