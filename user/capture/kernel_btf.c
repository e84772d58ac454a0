/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's BTF, one pass over all its types; see kernel_btf.h. Written by kernel_btf_part.c. */
#include "kernel_btf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel_btf_part.h"
#include "memory.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define MAX_BTF_BYTES (256UL << 20)
#define PREFIX_BITS 16

/* What follows a type, by its kind: so many bytes, and so many for each of vlen. */
static const struct {
	uint8_t once, each;
} trailers[NR_BTF_KINDS] = {
	[BTF_KIND_INT] = { .once = 4 },
	[BTF_KIND_ARRAY] = { .once = sizeof(struct btf_array) },
	[BTF_KIND_STRUCT] = { .each = sizeof(struct btf_member) },
	[BTF_KIND_UNION] = { .each = sizeof(struct btf_member) },
	[BTF_KIND_ENUM] = { .each = sizeof(struct btf_enum) },
	[BTF_KIND_FUNC_PROTO] = { .each = sizeof(struct btf_param) },
	[BTF_KIND_VAR] = { .once = sizeof(struct btf_var) },
	[BTF_KIND_DATASEC] = { .each = sizeof(struct btf_var_secinfo) },
	[BTF_KIND_DECL_TAG] = { .once = sizeof(struct btf_decl_tag) },
	[BTF_KIND_ENUM64] = { .each = sizeof(struct btf_enum64) },
};

/* ---- The bytes ---- */

static int read_all(int fd, size_t size, uint8_t *ret)
{
	size_t used = 0;
	ssize_t got;

	while (used < size && (got = read(fd, ret + used, size - used)) > 0)
		used += got;
	return used == size ? 0 : -EIO;
}

/* The file can be mapped since 6.16 (a539e2a6d51d), which spares a copy of 5 MB. */
static int take_bytes(int fd, size_t size, struct kernel_btf *ret)
{
	void *mapped = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	uint8_t *copy;

	ret->size = size;
	ret->is_mapped = mapped != MAP_FAILED;
	if (ret->is_mapped) {
		ret->bytes = mapped;
		return 0;
	}
	ret->bytes = copy = xmalloc(size);
	return read_all(fd, size, copy);
}

static int find_sections(struct kernel_btf *btf)
{
	const struct btf_header *header = (const void *)btf->bytes;
	size_t rest;

	if (btf->size < sizeof(*header) || header->magic != BTF_MAGIC ||
	    header->hdr_len > btf->size)
		return -EINVAL;
	rest = btf->size - header->hdr_len;
	if (header->type_off > rest || header->type_len > rest - header->type_off ||
	    header->str_off > rest || header->str_len > rest - header->str_off ||
	    !header->str_len || header->type_off % 4 || header->hdr_len % 4)
		return -EINVAL;
	btf->types = btf->bytes + header->hdr_len + header->type_off;
	btf->types_end = btf->types + header->type_len;
	btf->strings = (const char *)btf->bytes + header->hdr_len + header->str_off;
	btf->strings_size = header->str_len;
	return btf->strings[btf->strings_size - 1] ? -EINVAL : 0;
}

int kernel_btf_open(struct kernel_btf *ret)
{
	_cleanup_(closep) int fd = open(BTF_PATH, O_RDONLY | O_CLOEXEC);
	struct stat status;
	int error;

	*ret = (struct kernel_btf){ 0 };
	if (fd < 0 || fstat(fd, &status))
		return -errno;
	if (status.st_size <= 0 || (unsigned long)status.st_size > MAX_BTF_BYTES)
		return -EINVAL;
	error = take_bytes(fd, status.st_size, ret);
	if (!error)
		error = find_sections(ret);
	if (error)
		kernel_btf_close(ret);
	return error;
}

int kernel_btf_open_bytes(const void *bytes, size_t size, struct kernel_btf *ret)
{
	*ret = (struct kernel_btf){ .bytes = xmemdup(bytes, size), .size = size };
	int error = find_sections(ret);

	if (error)
		kernel_btf_close(ret);
	return error;
}

void kernel_btf_close(struct kernel_btf *btf)
{
	if (btf->is_mapped)
		munmap((void *)btf->bytes, btf->size);
	else
		free((void *)btf->bytes);
	free(btf->offsets);
	for (size_t i = 0; i < btf->nr_wanted; i++)
		free(btf->wanted[i]);
	free(btf->wanted);
	free(btf->prefixes);
	free(btf->matches);
	*btf = (struct kernel_btf){ 0 };
}

/* ---- Names ---- */

#define ONES 0x0101010101010101ULL

/* Of a name's first eight characters, or all of a shorter one. `left`: bytes that may be read. */
static uint32_t prefix_bit(const char *name, size_t left)
{
	uint64_t word = 0, end;

	memcpy(&word, name, left < sizeof(word) ? left : sizeof(word));
	end = (word - ONES) & ~word & ONES << 7; /* the lowest bit: of the first byte that is 0 */
	if (end)
		word &= (end & -end) - 1;
	return word * 0x9e3779b97f4a7c15ULL >> (64 - PREFIX_BITS);
}

void kernel_btf_want(struct kernel_btf *btf, const char *name, size_t length)
{
	char *copy = xstrndup(name, length);
	uint32_t bit = prefix_bit(copy, length + 1);

	if (!btf->prefixes)
		btf->prefixes = xcalloc(1U << PREFIX_BITS >> 3, 1);
	btf->prefixes[bit / 8] |= 1U << bit % 8;
	btf->wanted = array_reserve(btf->wanted, &btf->wanted_capacity, btf->nr_wanted + 1,
				    sizeof(*btf->wanted));
	btf->wanted[btf->nr_wanted++] = copy;
}

static void look_at_name(struct kernel_btf *btf, uint32_t id, const char *name)
{
	uint32_t bit = prefix_bit(name, btf->strings + btf->strings_size - name);

	if (!(btf->prefixes[bit / 8] & 1U << bit % 8))
		return;
	for (size_t i = 0; i < btf->nr_wanted; i++) {
		if (strcmp(btf->wanted[i], name) != 0)
			continue;
		btf->matches = array_reserve(btf->matches, &btf->matches_capacity,
					     btf->nr_matches + 1, sizeof(*btf->matches));
		btf->matches[btf->nr_matches++] = id;
		return;
	}
}

static bool is_nameable(uint32_t kind)
{
	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == BTF_KIND_ENUM ||
	       kind == BTF_KIND_ENUM64 || kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_FUNC;
}

int kernel_btf_scan(struct kernel_btf *btf)
{
	const uint8_t *at = btf->types;

	/* One that is larger than it need be is not touched. */
	btf->offsets = xmalloc(((btf->types_end - at) / sizeof(struct btf_type) + 2) *
			       sizeof(*btf->offsets));
	for (btf->nr_types = 1; at < btf->types_end; btf->nr_types++) {
		size_t size = kernel_btf_type_size(btf, at);
		const struct btf_type *type = (const void *)at;

		if (!size)
			return -EINVAL;
		btf->offsets[btf->nr_types] = at - btf->types;
		if (is_nameable(BTF_INFO_KIND(type->info)) && btf->nr_wanted &&
		    type->name_off < btf->strings_size)
			look_at_name(btf, btf->nr_types, btf->strings + type->name_off);
		at += size;
	}
	return 0;
}

size_t kernel_btf_type_size(const struct kernel_btf *btf, const uint8_t *at)
{
	size_t left = btf->types_end - at, size = sizeof(struct btf_type);
	const struct btf_type *type = (const void *)at;
	uint32_t kind;

	if (left < size)
		return 0;
	kind = BTF_INFO_KIND(type->info);
	if (kind >= NR_BTF_KINDS)
		return 0;
	size += trailers[kind].once + (size_t)trailers[kind].each * BTF_INFO_VLEN(type->info);
	return size <= left ? size : 0;
}

const struct btf_type *kernel_btf_type(const struct kernel_btf *btf, uint32_t id)
{
	return id && id < btf->nr_types ? (const void *)(btf->types + btf->offsets[id]) : NULL;
}

const char *kernel_btf_name(const struct kernel_btf *btf, uint32_t offset)
{
	return offset < btf->strings_size ? btf->strings + offset : "";
}

uint32_t kernel_btf_find(const struct kernel_btf *btf, const char *name, uint32_t kind)
{
	for (size_t i = 0; i < btf->nr_matches; i++) {
		const struct btf_type *type = kernel_btf_type(btf, btf->matches[i]);

		if (BTF_INFO_KIND(type->info) == kind &&
		    !strcmp(kernel_btf_name(btf, type->name_off), name))
			return btf->matches[i];
	}
	return 0;
}

bool kernel_btf_has_enumerator(const struct kernel_btf *btf, const char *name,
			       const char *enumerator)
{
	const struct btf_type *type = kernel_btf_type(btf,
						      kernel_btf_find(btf, name, BTF_KIND_ENUM));
	const struct btf_enum *values;

	if (!type)
		return false;
	values = (const void *)(type + 1);
	for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++) {
		if (!strcmp(kernel_btf_name(btf, values[i].name_off), enumerator))
			return true;
	}
	return false;
}
