/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes some types of a BTF as one of their own.
 *
 * CO-RE needs a struct's members with their sizes, so what lies in it is written too, but not what
 * is only pointed to: nearly all of the kernel hangs together by pointers. Types get new ids in the
 * order in which they are come to.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernel_btf_part.h"
#include "memory.h"

struct part {
	const struct kernel_btf *whole;
	uint32_t *new_ids; /* by old id, 0: not taken */
	uint32_t *old_ids; /* by new id less 1 */
	size_t nr_types, types_capacity;
	uint8_t *types; /* what has been written */
	size_t types_size, bytes_capacity;
	char *strings;
	size_t strings_size, strings_capacity;
};

/* The new id of a type, which will be written when its turn comes. */
static uint32_t take_type(struct part *part, uint32_t id)
{
	if (!kernel_btf_type(part->whole, id))
		return 0;
	if (part->new_ids[id])
		return part->new_ids[id];
	part->old_ids = array_reserve(part->old_ids, &part->types_capacity, part->nr_types + 1,
				      sizeof(*part->old_ids));
	part->old_ids[part->nr_types++] = id;
	return part->new_ids[id] = part->nr_types;
}

static uint32_t take_name(struct part *part, uint32_t offset)
{
	const char *name = kernel_btf_name(part->whole, offset);
	size_t size = strlen(name) + 1, at = part->strings_size;

	if (size == 1)
		return 0;
	part->strings = array_reserve(part->strings, &part->strings_capacity, at + size, 1);
	memcpy(part->strings + at, name, size);
	part->strings_size += size;
	return at;
}

static void take_members(struct part *part, struct btf_type *type)
{
	struct btf_member *members = (void *)(type + 1);

	for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++) {
		members[i].name_off = take_name(part, members[i].name_off);
		members[i].type = take_type(part, members[i].type);
	}
}

static void take_enumerators(struct part *part, struct btf_type *type)
{
	struct btf_enum *values = (void *)(type + 1);

	for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++)
		values[i].name_off = take_name(part, values[i].name_off);
}

static void take_enumerators64(struct part *part, struct btf_type *type)
{
	struct btf_enum64 *values = (void *)(type + 1);

	for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++)
		values[i].name_off = take_name(part, values[i].name_off);
}

static void take_elements(struct part *part, struct btf_type *type)
{
	struct btf_array *array = (void *)(type + 1);

	array->type = take_type(part, array->type);
	array->index_type = take_type(part, array->index_type);
}

/* Of a copied type, what it refers to: in the whole before, in the part after. */
static void take_parts(struct part *part, struct btf_type *type)
{
	type->name_off = take_name(part, type->name_off);
	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_PTR:
		type->type = 0; /* void */
		break;
	case BTF_KIND_ARRAY:
		take_elements(part, type);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		take_members(part, type);
		break;
	case BTF_KIND_ENUM:
		take_enumerators(part, type);
		break;
	case BTF_KIND_ENUM64:
		take_enumerators64(part, type);
		break;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		type->type = take_type(part, type->type);
		break;
	}
}

static void write_type(struct part *part, uint32_t id)
{
	const uint8_t *from = (const uint8_t *)kernel_btf_type(part->whole, id);
	size_t size = kernel_btf_type_size(part->whole, from);
	uint8_t *copy;

	part->types = array_reserve(part->types, &part->bytes_capacity, part->types_size + size, 1);
	copy = memcpy(part->types + part->types_size, from, size);
	part->types_size += size;
	take_parts(part, (struct btf_type *)copy);
}

static int write_all(int fd, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	while (size) {
		ssize_t written = write(fd, at, size);

		if (written <= 0)
			return written ? -errno : -EIO;
		at += written;
		size -= written;
	}
	return 0;
}

static int write_part(const struct part *part, int fd)
{
	const struct btf_header header = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(header),
		.type_len = part->types_size,
		.str_off = part->types_size,
		.str_len = part->strings_size,
	};
	int error = write_all(fd, &header, sizeof(header));

	if (!error)
		error = write_all(fd, part->types, part->types_size);
	return error ? error : write_all(fd, part->strings, part->strings_size);
}

int kernel_btf_write(const struct kernel_btf *btf, int fd)
{
	struct part part = {
		.whole = btf,
		.new_ids = xcalloc(btf->nr_types, sizeof(*part.new_ids)),
		.strings = xcalloc(1, 1), /* "" is at 0 */
		.strings_size = 1,
		.strings_capacity = 1,
	};
	int error;

	for (size_t i = 0; i < btf->nr_matches; i++) {
		const struct btf_type *type = kernel_btf_type(btf, btf->matches[i]);

		if (BTF_INFO_KIND(type->info) != BTF_KIND_FUNC)
			take_type(&part, btf->matches[i]);
	}
	for (size_t i = 0; i < part.nr_types; i++)
		write_type(&part, part.old_ids[i]);
	error = write_part(&part, fd);
	free(part.new_ids);
	free(part.old_ids);
	free(part.types);
	free(part.strings);
	return error;
}
