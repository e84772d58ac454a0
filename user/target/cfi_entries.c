/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See cfi_entries.h. A function names its CIE by how far before it that is, so that one walk
 * through the section meets each CIE before its functions. A CIE's program is run once.
 */
#include "cfi_entries.h"

#include "memory.h"

#define LENGTH_BYTES 4

/* Of a CIE that is not followed: no place of its return address. */
static const struct cfi_common unknown = { .code_factor = 1 };

struct entry {
	uint32_t at;	       /* of its length */
	struct cfi_bytes rest; /* behind that */
};

/* Where a position in the section is in memory. */
static uint64_t vaddr_of(const struct cfi_section *section, const struct cfi_bytes *bytes)
{
	return section->vaddr + (uint64_t)(bytes->at - section->bytes);
}

/* False: no more. One of 64-bit DWARF, which nothing writes here, begins with a length that no
 * section has. */
static bool next_entry(struct cfi_entries *entries, struct entry *ret)
{
	const struct cfi_section *section = entries->section;
	struct cfi_bytes from = { .end = section->bytes + section->size };
	uint64_t length;

	do {
		ret->at = (uint32_t)entries->at;
		from.at = section->bytes + entries->at;
		length = cfi_fixed(&from, LENGTH_BYTES);
		ret->rest = cfi_block(&from, length);
		if (from.is_bad)
			return false;
		entries->at = (size_t)(from.at - section->bytes);
		/* One without bytes ends each file that was linked: more may follow. */
	} while (!length && section->has_end);
	return length != 0;
}

/* ---- CIE ---- */

/* An address of a function for exceptions, which nobody asks for. */
static bool skip_address(struct cfi_bytes *data)
{
	uint8_t encoding = (uint8_t)cfi_fixed(data, 1);
	uint64_t unused;

	/* DW_EH_PE_aligned (0x50) has bytes before it. */
	return encoding == CFI_OMITTED ||
	       ((encoding & 0x70) != 0x50 && cfi_number(data, encoding, &unused));
}

/* Those letters that there are for x86-64. False: the encoding of addresses is not known. */
static bool read_augmentation(const char *letters, struct cfi_bytes data,
			      struct cfi_entry_common *common)
{
	for (; *letters; letters++) {
		if (*letters == 'R')
			common->encoding = (uint8_t)cfi_fixed(&data, 1);
		else if (*letters == 'L')
			cfi_fixed(&data, 1);
		else if (*letters == 'S') /* its caller was interrupted, by a signal */
			common->is_followed = false;
		else if (*letters != 'P' || !skip_address(&data))
			return false;
	}
	return !data.is_bad;
}

/* A text within the entry, "" where it does not end. */
static const char *take_text(struct cfi_bytes *from)
{
	const char *text = (const char *)from->at;

	while (cfi_fixed(from, 1))
		;
	return from->is_bad ? "" : text;
}

static bool read_common(struct cfi_bytes from, struct cfi_entry_common *ret)
{
	uint64_t version = cfi_fixed(&from, 1);
	const char *letters = take_text(&from);
	uint64_t address_register;

	ret->encoding = CFI_ABSOLUTE;
	ret->has_data = *letters == 'z';
	ret->common.code_factor = cfi_unsigned(&from);
	ret->common.data_factor = cfi_signed(&from);
	address_register = version == 1 ? cfi_fixed(&from, 1) : cfi_unsigned(&from);
	if ((version != 1 && version != 3) || from.is_bad || (*letters && !ret->has_data))
		return false;
	ret->is_followed = address_register == CFI_REGISTER_RETURN;
	if (ret->has_data &&
	    !read_augmentation(letters + 1, cfi_block(&from, cfi_unsigned(&from)), ret))
		return false;
	if (from.is_bad)
		return false;
	ret->is_followed = cfi_program_common(from, &ret->common) && ret->is_followed;
	return true;
}

/* What cannot be read is left out, and its functions with it. */
static void add_common(struct cfi_entries *entries, const struct entry *entry)
{
	struct cfi_entry_common common = { .at = entry->at };

	if (entries->nr_commons == CFI_MAX_COMMONS || !read_common(entry->rest, &common))
		return;
	entries->commons = array_reserve(entries->commons, &entries->capacity,
					 entries->nr_commons + 1, sizeof(*entries->commons));
	entries->commons[entries->nr_commons++] = common;
}

/* They are in the section's order. NULL: there is none at this place, which may be anywhere. */
static const struct cfi_entry_common *find_common(const struct cfi_entries *entries, uint64_t at)
{
	size_t low = 0, high = entries->nr_commons;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entries->commons[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < entries->nr_commons && entries->commons[low].at == at ? &entries->commons[low]
									   : NULL;
}

/* ---- FDE ---- */

static bool read_function(struct cfi_entries *entries, const struct cfi_entry_common *common,
			  struct cfi_bytes from, struct cfi_function *ret)
{
	const struct cfi_section *section = entries->section;

	if (!cfi_address(&from, common->encoding, vaddr_of(section, &from), &ret->vaddr) ||
	    !cfi_number(&from, common->encoding, &ret->bytes))
		return false;
	if (common->has_data)
		cfi_block(&from, cfi_unsigned(&from));
	ret->common = (uint32_t)(common - entries->commons);
	ret->program = (uint32_t)(from.at - section->bytes);
	ret->program_bytes = (uint32_t)(from.end - from.at);
	return !from.is_bad;
}

bool cfi_entries_next(struct cfi_entries *entries, struct cfi_function *ret)
{
	struct entry entry;

	while (next_entry(entries, &entry)) {
		uint64_t id_at = (uint64_t)(entry.rest.at - entries->section->bytes);
		uint64_t id = cfi_fixed(&entry.rest, 4);
		const struct cfi_entry_common *common;

		if (entry.rest.is_bad)
			continue;
		if (!id) {
			add_common(entries, &entry);
			continue;
		}
		common = find_common(entries, id_at - id);
		if (common && read_function(entries, common, entry.rest, ret))
			return true;
	}
	return false;
}

void cfi_entries_clear(struct cfi_entries *entries)
{
	free(entries->commons);
	entries->commons = NULL;
	entries->nr_commons = entries->capacity = 0;
}

void cfi_entries_run(const struct cfi_entries *entries, const struct cfi_function *function,
		     struct cfi_run *run)
{
	const struct cfi_entry_common *common = &entries->commons[function->common];
	const uint8_t *program = entries->section->bytes + function->program;
	struct cfi_bytes code = { program, program + function->program_bytes, false };

	if (!common->is_followed)
		code.end = code.at;
	cfi_program_begin(run, common->is_followed ? &common->common : &unknown, code,
			  function->bytes);
}
