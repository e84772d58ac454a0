/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of offset_table.def; see offset_table.h. A new version of CPython is a new column. */
#include "offset_table.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "memory.h"

#define NO NO_OFFSET
#define NR_COLUMNS ARRAY_SIZE(columns)

/* In the order of the table. */
static const struct {
	uint16_t version;
	bool is_free_threaded;
} columns[] = {
	{ 0x306, false }, { 0x307, false }, { 0x308, false }, { 0x309, false }, { 0x30a, false },
	{ 0x30b, false }, { 0x30c, false }, { 0x30d, false }, { 0x30d, true },	{ 0x30e, false },
	{ 0x30e, true },  { 0x30f, false }, { 0x30f, true },
};

static const struct {
	size_t member;
	uint16_t values[NR_COLUMNS];
} fields[] = {
#define FIELD(name, ...) { offsetof(struct offset_table, name), { __VA_ARGS__ } },
#include "offset_table.def"
#undef FIELD
};

static void fill(size_t column, struct offset_table *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->layout.version = columns[column].version;
	ret->layout.free_threaded = columns[column].is_free_threaded;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		memcpy((char *)ret + fields[i].member, &fields[i].values[column], sizeof(uint16_t));
}

int offset_table_find(uint32_t version_hex, bool is_free_threaded, struct offset_table *ret)
{
	static const uint32_t candidate = 0xc; /* PY_RELEASE_LEVEL_GAMMA: the ABI is frozen */

	/* 0: the release is not known, only the version. */
	if ((version_hex & 0xffff) && (version_hex >> 4 & 0xf) < candidate)
		return -ENOTSUP;
	for (size_t i = 0; i < NR_COLUMNS; i++) {
		if (columns[i].version != version_hex >> 16 ||
		    columns[i].is_free_threaded != is_free_threaded)
			continue;
		if (version_hex == 0x03070000)
			return -ENOTSUP; /* two layouts, and the release is not known */
		fill(i, ret);
		/* Up to 3.7.3 _PyRuntime has 88 bytes less before gilstate. */
		if (version_hex >> 16 == 0x307 && version_hex < 0x03070400)
			ret->runtime_key -= 88;
		return 0;
	}
	return -ENOTSUP;
}

int offset_table_guess(uint32_t version_hex, bool is_free_threaded, struct offset_table *ret)
{
	size_t newest = NR_COLUMNS - (is_free_threaded ? 1 : 2);

	if (version_hex >> 24 != 3 || version_hex >> 16 <= columns[newest].version)
		return -ENOTSUP;
	fill(newest, ret);
	ret->layout.version = version_hex >> 16;
	return 0;
}

/*
 * All columns were printed from the headers by tools/offsets/print_offsets.sh for arm64,
 * too: 3.6.15 to 3.13.0 as on x86-64, and Debian's own of 3.9, 3.11, 3.13, 3.14 and 3.15, with and
 * without the GIL. What differs is the key up to 3.11, behind the GIL's two mutexes in _PyRuntime
 * (also up to 3.7.3, where py-spy's numbers are 88 lower on both machines), and the counter
 * from 3.13 on, behind an interpreter's own GIL; in 3.13 without the GIL it is behind more.
 */
void offset_table_adapt(struct offset_table *table, uint16_t machine)
{
	struct wire_layout *layout = &table->layout;
	bool is_behind_more = layout->version == 0x30d && layout->free_threaded;

	if (machine != EM_AARCH64)
		return;
	if (table->runtime_key != NO_OFFSET && layout->version <= 0x30b)
		table->runtime_key += 16;
	if (layout->interp_generation != NO_OFFSET)
		layout->interp_generation += is_behind_more ? 64 : 16;
}

static void reach(uint16_t *bytes, uint16_t offset, uint16_t size)
{
	if (offset != NO_OFFSET && *bytes < offset + size)
		*bytes = offset + size;
}

#define OBJECT_HEAD 16 /* up to 3.10 frames are objects */

/* An owner is FRAME_OWNED_BY_THREAD, which is 0, or another (pycore_frame.h). */
static void find_holder(struct wire_layout *layout)
{
	layout->frame_holder = 0;
	layout->holder_mask = 0;
	if (layout->frame_owner != NO_OFFSET) {
		layout->frame_holder = layout->frame_owner & ~7;
		layout->holder_mask = 0xffULL << layout->frame_owner % 8 * 8;
	} else if (layout->frame_gen != NO_OFFSET) {
		layout->frame_holder = layout->frame_gen;
		layout->holder_mask = ~0ULL;
	}
}

void offset_table_measure(struct wire_layout *layout)
{
	find_holder(layout);
	layout->quick_begin = layout->version < 0x030b ? OBJECT_HEAD : 0;
	reach(&layout->frame_bytes, layout->frame_code, 8);
	reach(&layout->frame_bytes, layout->frame_back, 8);
	reach(&layout->frame_bytes, layout->frame_instr, 8);
	reach(&layout->frame_bytes, layout->frame_holder, 8);
	reach(&layout->frame_bytes, layout->frame_locals, 8);
	reach(&layout->code_bytes, layout->code_firstlineno, 4);
	reach(&layout->code_bytes, layout->code_version, 4);
	reach(&layout->code_bytes, layout->code_argcount, 4);
	reach(&layout->code_bytes, layout->code_varnames, 8);
	reach(&layout->code_bytes, layout->code_kinds, 8);
	reach(&layout->code_bytes, layout->code_nlocals, 4);
	reach(&layout->code_bytes, layout->code_cellvars, 8);
	reach(&layout->code_bytes, layout->code_filename, 8);
	reach(&layout->code_bytes, layout->code_name, 8);
}
