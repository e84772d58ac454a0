/* SPDX-License-Identifier: BSD-2-Clause */
/* Machine code of single functions; see code_scan.h. Encodings: Intel SDM volume 2, chapter 2. */
#include "code_scan.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define UNSIZED_BYTES 64

/* How far apart the parts of one C statement may be. Seen: up to 47 bytes. */
#define NEAR_BYTES 64

/* Offsets in objects of the versions in question; constant for all their releases. */
#define DICT_VERSION_TAG 24 /* PyDictObject.ma_version_tag, 3.6-3.11 */
#define CODE_VERSION 92	    /* PyCodeObject.co_version, 3.12 */

/* Code objects inside 3.12's own binary, which take the first versions. Seen: 768. */
#define MAX_FROZEN_CODES 0xffff

enum {
	OPCODE_STORE = 0x89,
	OPCODE_LOAD = 0x8b,
	OPCODE_ADDRESS = 0x8d, /* lea */
};

static int32_t read_i32(const uint8_t *bytes)
{
	int32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* The memory operand behind the opcode; returns the bytes it takes, 0 for a register operand. */
static size_t decode_operand(const uint8_t *bytes, uint8_t rex, struct code_access *access)
{
	uint8_t mod = bytes[0] >> 6, rm = bytes[0] & 7;
	size_t length = 1;

	if (mod == 3)
		return 0;
	access->reg = (bytes[0] >> 3 & 7) | (rex & 4) << 1;
	access->base = rm | (rex & 1) << 3;
	if (rm == 4) {
		/* An index of 4 means none; a SIB base of 5 without displacement means no base. */
		bool is_plain = (bytes[1] >> 3 & 7) == 4 && !(rex & 2) &&
				!(mod == 0 && (bytes[1] & 7) == 5);

		access->base = is_plain ? (bytes[1] & 7) | (rex & 1) << 3 : CODE_NO_BASE;
		length++;
	}
	if (mod == 0 && rm != 5)
		return length;
	access->displacement = mod == 1 ? (int8_t)bytes[length] : read_i32(bytes + length);
	if (mod == 0)
		access->base = CODE_NO_BASE;
	return length + (mod == 1 ? 1 : 4);
}

/* Decodes what may be an access at a position. */
static bool decode_access(const struct code_scan *scan, size_t position, struct code_access *ret)
{
	const uint8_t *bytes = scan->bytes + position;
	uint8_t rex = (bytes[0] & 0xf0) == 0x40 ? bytes[0] : 0;
	const uint8_t *opcode = bytes + (rex ? 1 : 0);
	size_t length;

	if (*opcode != OPCODE_STORE && *opcode != OPCODE_LOAD && *opcode != OPCODE_ADDRESS)
		return false;
	*ret = (struct code_access){ .position = (uint16_t)position, .opcode = *opcode };
	ret->is_wide = rex & 8;
	length = decode_operand(opcode + 1, rex, ret);
	if (!length)
		return false;
	length += (size_t)(opcode + 1 - bytes);
	if ((opcode[1] & 0xc7) == 5)
		ret->address = scan->vaddr + position + length +
			       (uint64_t)(int64_t)ret->displacement;
	return true;
}

int code_scan_open(const struct elf_file *file, const struct elf_symbol *function,
		   struct code_scan *ret)
{
	int err;

	if (!function->vaddr)
		return -ENOENT;
	ret->file = file;
	ret->vaddr = function->vaddr;
	ret->size = function->size ? function->size : UNSIZED_BYTES;
	if (ret->size > CODE_SCAN_BYTES)
		ret->size = CODE_SCAN_BYTES;
	ret->nr_accesses = 0;
	memset(ret->bytes + ret->size, 0, CODE_ACCESS_BYTES);
	err = elf_file_read(file, ret->vaddr, ret->bytes, ret->size);
	if (err)
		return err;
	/* At every byte: what looks like a REX prefix may be the end of the instruction before. */
	for (size_t i = 0; i < ret->size && ret->nr_accesses < CODE_SCAN_ACCESSES; i++)
		ret->nr_accesses += decode_access(ret, i, &ret->accesses[ret->nr_accesses]);
	return 0;
}

static bool is_variable(const struct code_scan *scan, uint64_t vaddr, size_t size)
{
	const struct elf_segment *segment = elf_file_segment(scan->file, vaddr);

	return segment && segment->is_writable && vaddr % size == 0;
}

static bool is_in_bss(const struct code_scan *scan, uint64_t vaddr)
{
	const struct elf_segment *segment = elf_file_segment(scan->file, vaddr);

	return is_variable(scan, vaddr, 8) && vaddr - segment->vaddr >= segment->file_bytes;
}

static bool begins_between(const struct code_scan *scan, uint64_t vaddr, int32_t min, int32_t max)
{
	int32_t initial;

	return is_variable(scan, vaddr, sizeof(initial)) &&
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
		if (other->opcode == OPCODE_LOAD && other->address == store->address)
			is_loaded |= other->position < store->position;
		if (other->opcode == OPCODE_STORE && other->displacement == DICT_VERSION_TAG &&
		    other->base != CODE_NO_BASE)
			is_tagged |= other->reg == store->reg;
	}
	return is_loaded && is_tagged;
}

uint64_t code_scan_dict_version(const struct code_scan *scan)
{
	for (size_t i = 0; i < scan->nr_accesses; i++) {
		const struct code_access *store = &scan->accesses[i];

		if (store->opcode == OPCODE_STORE && store->is_wide && store->address &&
		    is_in_bss(scan, store->address) && is_dict_version(scan, store))
			return store->address;
	}
	return 0;
}

/* The last access before `user` that gives its register `reg` a value by opcode; NULL: none near.
 */
static const struct code_access *find_source(const struct code_scan *scan,
					     const struct code_access *user, uint8_t reg,
					     uint8_t opcode)
{
	for (const struct code_access *access = user; access > scan->accesses;) {
		access--;
		if (!is_near(user, access))
			return NULL;
		if (access->opcode == opcode && access->reg == reg)
			return access;
	}
	return NULL;
}

/* Follows `mov X(%rip),%R` or `lea X(%rip),%B; mov (%B),%R` back to X. */
static uint64_t find_loaded(const struct code_scan *scan, const struct code_access *user)
{
	const struct code_access *load = find_source(scan, user, user->reg, OPCODE_LOAD);
	const struct code_access *base;

	if (!load || load->address)
		return load ? load->address : 0;
	if (load->base == CODE_NO_BASE || load->displacement)
		return 0;
	base = find_source(scan, load, load->base, OPCODE_ADDRESS);
	return base ? base->address : 0;
}

uint64_t code_scan_code_version(const struct code_scan *scan)
{
	for (size_t i = 0; i < scan->nr_accesses; i++) {
		const struct code_access *store = &scan->accesses[i];
		uint64_t vaddr;

		if (store->opcode != OPCODE_STORE || store->is_wide ||
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
		static const uint8_t first_argument = 7; /* %rdi */

		if (load->opcode == OPCODE_LOAD && !load->is_wide && load->address &&
		    load->reg == first_argument && begins_between(scan, load->address, -1, -1))
			return load->address;
	}
	return 0;
}

/* mov %fs:IMM32,%rax; or mov $IMM32,%rax; mov %fs:(%rax),%rax, which a linker makes of
 * initial-exec code. Returns where the first of them ends; 0: there is none. */
static size_t find_static_tls(const struct code_scan *scan, int32_t *ret_offset)
{
	static const uint8_t direct[] = { 0x64, 0x48, 0x8b, 0x04, 0x25 };
	static const uint8_t immediate[] = { 0x48, 0xc7, 0xc0 };
	static const uint8_t indirect[] = { 0x64, 0x48, 0x8b, 0x00 };

	for (size_t i = 0; i + sizeof(direct) + 4 <= scan->size; i++)
		if (!memcmp(scan->bytes + i, direct, sizeof(direct))) {
			*ret_offset = read_i32(scan->bytes + i + sizeof(direct));
			return i + sizeof(direct) + 4;
		}
	for (size_t i = 0; i + sizeof(immediate) + 4 + sizeof(indirect) <= scan->size; i++)
		if (!memcmp(scan->bytes + i, immediate, sizeof(immediate)) &&
		    !memcmp(scan->bytes + i + sizeof(immediate) + 4, indirect, sizeof(indirect))) {
			*ret_offset = read_i32(scan->bytes + i + sizeof(immediate));
			return i + sizeof(immediate) + 4 + sizeof(indirect);
		}
	return 0;
}

/* What is added to the address in %rax from a position on before it is read: a lea or none, then
 * the load. */
static int add_up_loads(const struct code_scan *scan, size_t position, int32_t *ret_offset)
{
	int32_t offset = 0;

	for (size_t i = 0; i < scan->nr_accesses; i++) {
		const struct code_access *access = &scan->accesses[i];

		if (access->position < position || !access->is_wide || access->base || access->reg)
			continue;
		if (access->opcode != OPCODE_LOAD && access->opcode != OPCODE_ADDRESS)
			continue;
		offset += access->displacement;
		if (access->opcode == OPCODE_LOAD) {
			*ret_offset = offset;
			return 0;
		}
	}
	return -ENOENT;
}

/* A tls_index in the file: the module is filled in by the loader, the offset is there. */
static bool is_tls_index(const struct code_scan *scan, uint64_t vaddr)
{
	uint64_t index[2];
	static const uint64_t max_offset = 1 << 20;

	return is_variable(scan, vaddr, 8) &&
	       !elf_file_read(scan->file, vaddr, index, sizeof(index)) && !index[0] &&
	       index[1] < max_offset;
}

#define CALL_BYTES 5

/* A call, which may be padded: 66 66 48 e8 rel32, or 66 48 ff 15 rel32 without a linkage table. */
static bool is_call(const struct code_scan *scan, size_t position)
{
	const uint8_t *bytes = scan->bytes + position;

	if (position + CALL_BYTES > scan->size)
		return false;
	for (size_t i = 0; i < 3 && (*bytes == 0x66 || *bytes == 0x48); i++)
		bytes++;
	return bytes[0] == 0xe8 || (bytes[0] == 0xff && bytes[1] == 0x15);
}

/* lea INDEX(%rip),%rdi; call __tls_get_addr; mov OFFSET(%rax),%rax. */
static int find_dynamic_tls(const struct code_scan *scan, struct wire_tls *ret)
{
	static const uint8_t first_argument = 7; /* %rdi */
	static const size_t lea_bytes = 7;

	for (size_t i = 0; i < scan->nr_accesses; i++) {
		const struct code_access *lea = &scan->accesses[i];
		struct wire_tls found = { .index_vaddr = lea->address, .is_known = 1 };

		if (lea->opcode == OPCODE_ADDRESS && lea->is_wide && lea->reg == first_argument &&
		    lea->address && is_call(scan, lea->position + lea_bytes) &&
		    is_tls_index(scan, lea->address) &&
		    !add_up_loads(scan, lea->position + lea_bytes + CALL_BYTES, &found.offset)) {
			*ret = found;
			return 0;
		}
	}
	return -ENOENT;
}

int code_scan_tls(const struct code_scan *scan, struct wire_tls *ret)
{
	struct wire_tls found = { .is_known = 1 };
	size_t end = find_static_tls(scan, &found.offset);

	if (!end)
		return find_dynamic_tls(scan, ret);
	/* Code for shared libraries, linked into an executable: the thread pointer is read first.
	 */
	if (!found.offset && add_up_loads(scan, end, &found.offset))
		return -ENOENT;
	*ret = found;
	return 0;
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

int code_scan_version(const struct code_scan *scan, char *ret_text, size_t size)
{
	for (size_t i = 0; i < scan->nr_accesses; i++)
		if (scan->accesses[i].opcode == OPCODE_ADDRESS && scan->accesses[i].address &&
		    is_version_at(scan, scan->accesses[i].address, ret_text, size))
			return 0;
	/* Code that is not position independent: mov $IMM32,%reg, in two encodings whose last four
	 * bytes are the address. */
	for (size_t i = 0; i + 5 <= scan->size; i++)
		if (((scan->bytes[i] & 0xf8) == 0xb8 || (scan->bytes[i] & 0xf8) == 0xc0) &&
		    is_version_at(scan, (uint32_t)read_i32(scan->bytes + i + 1), ret_text, size))
			return 0;
	return -ENOENT;
}
