/* SPDX-License-Identifier: BSD-2-Clause */
/* Thread-local variables in machine code of x86-64; see code_tls.h. Encodings: Intel SDM volume 2.
 */
#include <errno.h>
#include <string.h>

#include "code_tls.h"

static int32_t read_i32(const uint8_t *bytes)
{
	int32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
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
		if (access->kind != CODE_LOAD && access->kind != CODE_ADDRESS)
			continue;
		offset += access->displacement;
		if (access->kind == CODE_LOAD) {
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

	return elf_file_is_variable(scan->file, vaddr, 8) &&
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

		if (lea->kind == CODE_ADDRESS && lea->is_wide && lea->reg == first_argument &&
		    lea->address && is_call(scan, lea->position + lea_bytes) &&
		    is_tls_index(scan, lea->address) &&
		    !add_up_loads(scan, lea->position + lea_bytes + CALL_BYTES, &found.offset)) {
			*ret = found;
			return 0;
		}
	}
	return -ENOENT;
}

int code_tls_x86(const struct code_scan *scan, struct wire_tls *ret)
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
