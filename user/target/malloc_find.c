/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glibc's malloc in an ELF file; see malloc_find.h.
 *
 * main_arena is the one variable that is initialized with a pointer to itself: its arenas form a
 * ring, `next`, and at first it is alone in it. `next_free` behind it is NULL, and
 * attached_threads is 1. So a word at L that holds L - offsetof(next), with 0 and 1 behind it, is
 * in main_arena: one hit in each glibc looked at, and of 2,069 other ELF files only
 * libc_malloc_debug.so.0 matched, which has one too. The word is the addend of a relative
 * relocation (DT_RELA), or in the file itself: DT_RELR, and programs that are not moved.
 *
 * mp_ begins with three thresholds of 128 KiB and arena_test, which is 8.
 */
#include "malloc_find.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"
#include "memory.h"

#define CHUNK_BYTES 65536UL
#define MAX_DATA_BYTES (64UL << 20)  /* libc.so.6 has 20 KB, a static program more */
#define MAX_CONST_BYTES (16UL << 20) /* looked through for the version */

static const struct arena_layout {
	uint16_t fastbins, top, bins, next, system_mem;
} arena_layouts[] = {
	{ 8, 88, 104, 2152, 2176 },		/* 2.23 to 2.26 */
	{ 16, 96, 112, 2160, 2184 },		/* 2.27 to 2.42 */
	{ MALLOC_NO_FIELD, 8, 24, 2072, 2096 }, /* 2.43 */
};

/* struct malloc_par, told apart by where n_mmaps_max has its initial value. */
static const struct parameters_layout {
	uint16_t n_mmaps_max, mmapped_mem, sbrk_base, thp_pagesize, heap_info_bytes;
	enum malloc_lists lists;
} parameters_layouts[] = {
	{ 44, 56, 72, MALLOC_NO_FIELD, 32, LISTS_EITHER }, /* up to 2.34 */
	{ 64, 80, 96, 40, 48, LISTS_MANGLED },		   /* 2.35 to 2.42 */
	{ 72, 88, 104, 48, 48, LISTS_MANGLED },		   /* 2.43 */
};

#define DEFAULT_THRESHOLD 131072
#define DEFAULT_ARENA_TEST 8
#define DEFAULT_N_MMAPS_MAX 65536
#define PARAMETERS_BYTES 112

struct search {
	struct elf_file *file;
	struct malloc_layout found;
	size_t nr_arenas; /* more than one: which is it? */
};

static const struct arena_layout *layout_by_next(uint64_t distance)
{
	for (size_t i = 0; i < ARRAY_SIZE(arena_layouts); i++)
		if (arena_layouts[i].next == distance)
			return &arena_layouts[i];
	return NULL;
}

static bool is_ring(struct search *search, uint64_t at)
{
	uint64_t words[2]; /* next_free, attached_threads */

	return !elf_file_read(search->file, at + sizeof(uint64_t), words, sizeof(words)) &&
	       words[0] == 0 && words[1] == 1;
}

static bool notice_pointer(uint64_t at, uint64_t value, void *context)
{
	const struct arena_layout *layout = layout_by_next(at - value);
	struct search *search = context;

	if (!layout || !is_ring(search, at) || search->found.main_arena == value)
		return true;
	search->nr_arenas++;
	search->found.main_arena = value;
	search->found.fastbins = layout->fastbins;
	search->found.top = layout->top;
	search->found.bins = layout->bins;
	search->found.next = layout->next;
	search->found.system_mem = layout->system_mem;
	return true;
}

/* ---- mp_ ---- */

static void notice_parameters(struct search *search, uint64_t at)
{
	uint8_t bytes[PARAMETERS_BYTES];
	uint32_t value;

	if (search->found.parameters || elf_file_read(search->file, at, bytes, sizeof(bytes)))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(parameters_layouts); i++) {
		const struct parameters_layout *layout = &parameters_layouts[i];

		memcpy(&value, bytes + layout->n_mmaps_max, sizeof(value));
		if (value != DEFAULT_N_MMAPS_MAX)
			continue;
		search->found.parameters = at;
		search->found.mmapped_mem = layout->mmapped_mem;
		search->found.sbrk_base = layout->sbrk_base;
		search->found.thp_pagesize = layout->thp_pagesize;
		search->found.heap_info_bytes = layout->heap_info_bytes;
		search->found.lists = layout->lists;
	}
}

/* ---- What lies in the file ---- */

static void look_at_words(struct search *search, uint64_t at, const uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t here = at + i * sizeof(*words);

		if (words[i] && layout_by_next(here - words[i]))
			notice_pointer(here, words[i], search);
		if (i + 3 < count && words[i] == DEFAULT_THRESHOLD &&
		    words[i + 1] == DEFAULT_THRESHOLD && words[i + 2] == DEFAULT_THRESHOLD &&
		    words[i + 3] == DEFAULT_ARENA_TEST)
			notice_parameters(search, here);
	}
}

/* Chunks overlap by what one pattern needs. */
static int scan_data(struct search *search, const struct elf_segment *segment, uint64_t *words)
{
	const uint64_t overlap = 3 * sizeof(*words);
	uint64_t at = (segment->vaddr + sizeof(*words) - 1) & ~(sizeof(*words) - 1), end;

	end = segment->vaddr + segment->file_bytes;
	while (at < end && end - at >= sizeof(*words)) {
		uint64_t bytes = end - at < CHUNK_BYTES ? end - at : CHUNK_BYTES;
		int err = elf_file_read(search->file, at, words, bytes);

		if (err)
			return err;
		look_at_words(search, at, words, bytes / sizeof(*words));
		at += bytes > overlap && at + bytes < end ? bytes - overlap : bytes;
	}
	return 0;
}

static int scan_segments(struct search *search)
{
	_cleanup_(freep) uint64_t *words = xmalloc(CHUNK_BYTES);
	const struct elf_segment *segment;
	int err = 0;

	for (size_t i = 0; (segment = elf_file_segment_at(search->file, i)) && !err; i++) {
		if (!segment->is_writable)
			continue;
		if (segment->file_bytes > MAX_DATA_BYTES)
			return -E2BIG;
		err = elf_file_charge(search->file, segment->file_bytes);
		if (!err)
			err = scan_data(search, segment, words);
	}
	return err;
}

/* ---- Version ---- */

/* `GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.` */
static uint32_t version_in(const char *text, size_t size)
{
	static const char before[] = " release version 2.";
	const char *found = memmem(text, size, before, strlen(before));
	uint32_t minor = 0;

	if (!found)
		return 0;
	for (found += strlen(before); found < text + size && *found >= '0' && *found <= '9';
	     found++)
		minor = minor < 1000 ? minor * 10 + (uint32_t)(*found - '0') : minor;
	return minor;
}

static uint32_t find_version(struct elf_file *file)
{
	_cleanup_(freep) char *text = NULL;
	const struct elf_segment *segment;
	uint32_t minor = 0;

	for (size_t i = 0; (segment = elf_file_segment_at(file, i)) && !minor; i++) {
		if (segment->is_writable || segment->file_bytes > MAX_CONST_BYTES ||
		    !segment->file_bytes || elf_file_charge(file, segment->file_bytes))
			continue;
		free(text);
		text = xmalloc(segment->file_bytes);
		if (!elf_file_read(file, segment->vaddr, text, segment->file_bytes))
			minor = version_in(text, segment->file_bytes);
	}
	return minor;
}

int malloc_find(struct elf_file *file, struct malloc_layout *ret)
{
	struct search search = {
		.file = file,
		.found = { .mmapped_mem = MALLOC_NO_FIELD,
			   .sbrk_base = MALLOC_NO_FIELD,
			   .thp_pagesize = MALLOC_NO_FIELD,
			   .heap_info_bytes = 32,
			   .lists = LISTS_EITHER },
	};
	int err = scan_segments(&search);

	if (err)
		return err;
	elf_file_visit_relative(file, notice_pointer, &search);
	if (search.nr_arenas != 1)
		return -ENOENT;
	search.found.minor = find_version(file);
	if (search.found.minor)
		search.found.lists = search.found.minor >= 32 ? LISTS_MANGLED : LISTS_PLAIN;
	*ret = search.found;
	return 0;
}
