/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few types of the running kernel's BTF that memprobe needs.
 *
 * libbpf would parse all 150,000 types and look through all names for each that a program reads:
 * 30 ms of a start. Here all names are looked at once, and what was wanted is written, with what it
 * is made of, into a BTF of some hundred types that libbpf is given instead.
 */
#ifndef MEMPROBE_KERNEL_BTF_H
#define MEMPROBE_KERNEL_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/btf.h>

/* Owns all that it points to. */
struct kernel_btf {
	const uint8_t *bytes;
	size_t size;
	bool is_mapped;
	const uint8_t *types, *types_end;
	const char *strings; /* the last byte is 0 */
	size_t strings_size;
	uint32_t *offsets; /* of each type from `types`, by id */
	uint32_t nr_types; /* ids are below */
	char **wanted;
	size_t nr_wanted, wanted_capacity;
	uint8_t *prefixes; /* bits: may a name that begins so be wanted? */
	uint32_t *matches; /* ids of wanted types */
	size_t nr_matches, matches_capacity;
};

/* The kernel's own. 0; -ENOENT when it has none; other -errno. */
int kernel_btf_open(struct kernel_btf *ret);
/* The same from memory, which is copied. */
int kernel_btf_open_bytes(const void *bytes, size_t size, struct kernel_btf *ret);
void kernel_btf_close(struct kernel_btf *btf);

/* All types of that name will be found. */
void kernel_btf_want(struct kernel_btf *btf, const char *name, size_t length);
/* Looks for what is wanted. Once. -EINVAL: not understood. */
int kernel_btf_scan(struct kernel_btf *btf);

/* The id of a wanted type, 0: there is none. */
uint32_t kernel_btf_find(const struct kernel_btf *btf, const char *name, uint32_t kind);
/* Is `enumerator` one of the wanted enum `name`? */
bool kernel_btf_has_enumerator(const struct kernel_btf *btf, const char *name,
			       const char *enumerator);

/* Writes a BTF of all that was found, but for functions, and of what it is made of. Ids are others;
 * what a pointer points to is left out. */
int kernel_btf_write(const struct kernel_btf *btf, int fd);

#endif
