/* SPDX-License-Identifier: BSD-2-Clause */
/* Machine code of single functions; see code_scan.h. */
#include "code_scan.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "code_tls.h"

#define UNSIZED_BYTES 64

/* How far apart the parts of one C statement may be. Seen: up to 47 bytes. */
#define NEAR_BYTES 64

/* Offsets in objects of the versions in question; constant for all their releases. */
#define DICT_VERSION_TAG 24 /* PyDictObject.ma_version_tag, 3.6-3.11 */
#define CODE_VERSION 92	    /* PyCodeObject.co_version, 3.12 */

/* Code objects inside 3.12's own binary, which take the first versions. Seen: 768. */
#define MAX_FROZEN_CODES 0xffff

/* The register that a function is given its first argument in. */
static uint8_t first_argument(const struct code_scan *scan)
{
	static const uint8_t rdi = 7, x0 = 0;

	return code_scan_is_arm64(scan) ? x0 : rdi;
}

bool code_scan_is_arm64(const struct code_scan *scan)
{
	return elf_file_machine(scan->file) == EM_AARCH64;
}

static void find_accesses(struct code_scan *scan)
{
	scan->nr_accesses = code_scan_is_arm64(scan)
				    ? code_access_find_arm64(scan->bytes, scan->size, scan->vaddr,
							     scan->accesses, CODE_SCAN_ACCESSES)
				    : code_access_find_x86(scan->bytes, scan->size, scan->vaddr,
							   scan->accesses, CODE_SCAN_ACCESSES);
}

int code_scan_open(struct elf_file *file, const struct elf_symbol *function, struct code_scan *ret)
{
	int err;

	if (!function->vaddr)
		return -ENOENT;
	ret->file = file;
	ret->vaddr = function->vaddr;
	ret->size = function->size ? function->size : UNSIZED_BYTES;
	if (ret->size > CODE_SCAN_BYTES)
		ret->size = CODE_SCAN_BYTES;
	memset(ret->bytes + ret->size, 0, CODE_ACCESS_BYTES);
	err = elf_file_read(file, ret->vaddr, ret->bytes, ret->size);
	if (err)
		return err;
	find_accesses(ret);
	return 0;
}

static bool is_in_bss(const struct code_scan *scan, uint64_t vaddr)
{
	const struct elf_segment *segment = elf_file_segment(scan->file, vaddr);

	return elf_file_is_variable(scan->file, vaddr, 8) &&
	       vaddr - segment->vaddr >= segment->file_bytes;
}

static bool begins_between(const struct code_scan *scan, uint64_t vaddr, int32_t min, int32_t max)
{
	int32_t initial;

	return elf_file_is_variable(scan->file, vaddr, sizeof(initial)) &&
	       !elf_file_read(scan->file, vaddr, &initial, sizeof(initial)) && initial >= min &&
	       initial <= max;
}

/* Whether two accesses can belong to one C statement. */
static bool is_near(const struct code_access *a, const struct code_access *b)
{
	int distance = (int)a->position - (int)b->position;

	return distance <= NEAR_BYTES && distance >= -NEAR_BYTES;
}

/* Whether `store` puts an incremented version into the global and its register into a dict too. */
static bool is_dict_version(const struct code_scan *scan, const struct code_access *store)
{
	bool is_loaded = false, is_tagged = false;

	for (size_t i = 0; i < scan->nr_accesses; i++) {
		const struct code_access *other = &scan->accesses[i];

		if (!other->is_wide || !is_near(store, other))
			continue;
		if (other->kind == CODE_LOAD && other->address == store->address)
			is_loaded |= other->position < store->position;
		if (other->kind == CODE_STORE && other->displacement == DICT_VERSION_TAG &&
		    other->base != CODE_NO_BASE)
			is_tagged |= other->reg == store->reg;
	}
	return is_loaded && is_tagged;
}

uint64_t code_scan_dict_version(const struct code_scan *scan)
{
	for (size_t i = 0; i < scan->nr_accesses; i++) {
		const struct code_access *store = &scan->accesses[i];

		if (store->kind == CODE_STORE && store->is_wide && store->address &&
		    is_in_bss(scan, store->address) && is_dict_version(scan, store))
			return store->address;
	}
	return 0;
}

/* The last access before `user` of a kind that gives its register `reg` a value; NULL: none near.
 */
static const struct code_access *find_source(const struct code_scan *scan,
					     const struct code_access *user, uint8_t reg,
					     uint8_t kind)
{
	for (const struct code_access *access = user; access > scan->accesses;) {
		access--;
		if (!is_near(user, access))
			return NULL;
		if (access->kind == kind && access->reg == reg)
			return access;
	}
	return NULL;
}

/* Follows `mov X(%rip),%R` or `lea X(%rip),%B; mov (%B),%R` back to X. */
static uint64_t find_loaded(const struct code_scan *scan, const struct code_access *user)
{
	const struct code_access *load = find_source(scan, user, user->reg, CODE_LOAD);
	const struct code_access *base;

	if (!load || load->address)
		return load ? load->address : 0;
	if (load->base == CODE_NO_BASE || load->displacement)
		return 0;
	base = find_source(scan, load, load->base, CODE_ADDRESS);
	return base ? base->address : 0;
}

uint64_t code_scan_code_version(const struct code_scan *scan)
{
	for (size_t i = 0; i < scan->nr_accesses; i++) {
		const struct code_access *store = &scan->accesses[i];
		uint64_t vaddr;

		if (store->kind != CODE_STORE || store->is_wide ||
		    store->displacement != CODE_VERSION || store->base == CODE_NO_BASE)
			continue;
		vaddr = find_loaded(scan, store);
		if (vaddr && begins_between(scan, vaddr, 1, MAX_FROZEN_CODES + 1))
			return vaddr;
	}
	return 0;
}

uint64_t code_scan_tls_key(const struct code_scan *scan)
{
	for (size_t i = 0; i < scan->nr_accesses; i++) {
		const struct code_access *load = &scan->accesses[i];
		if (load->kind == CODE_LOAD && !load->is_wide && load->address &&
		    load->reg == first_argument(scan) &&
		    begins_between(scan, load->address, -1, -1))
			return load->address;
	}
	return 0;
}

int code_scan_tls(const struct code_scan *scan, struct wire_tls *ret)
{
	return code_scan_is_arm64(scan) ? code_tls_arm64(scan, ret) : code_tls_x86(scan, ret);
}

/* "N.N" and on. */
static bool is_version(const char *text)
{
	size_t digits = strspn(text + 2, "0123456789");

	return isdigit((unsigned char)text[0]) && text[1] == '.' && digits >= 1 && digits <= 2;
}

static bool is_version_at(const struct code_scan *scan, uint64_t vaddr, char *ret_text, size_t size)
{
	const struct elf_segment *segment = elf_file_segment(scan->file, vaddr);

	return segment && !elf_file_read_string(scan->file, vaddr, ret_text, size) &&
	       is_version(ret_text);
}

/* Code of x86-64 that is not position independent: mov $IMM32,%reg, in two encodings whose last
 * four bytes are the address. */
static int find_immediate_version(const struct code_scan *scan, char *ret_text, size_t size)
{
	for (size_t i = 0; i + 5 <= scan->size; i++) {
		uint32_t vaddr;

		if ((scan->bytes[i] & 0xf8) != 0xb8 && (scan->bytes[i] & 0xf8) != 0xc0)
			continue;
		memcpy(&vaddr, scan->bytes + i + 1, sizeof(vaddr));
		if (is_version_at(scan, vaddr, ret_text, size))
			return 0;
	}
	return -ENOENT;
}

int code_scan_version(const struct code_scan *scan, char *ret_text, size_t size)
{
	for (size_t i = 0; i < scan->nr_accesses; i++)
		if (scan->accesses[i].kind == CODE_ADDRESS && scan->accesses[i].address &&
		    is_version_at(scan, scan->accesses[i].address, ret_text, size))
			return 0;
	return code_scan_is_arm64(scan) ? -ENOENT : find_immediate_version(scan, ret_text, size);
}
