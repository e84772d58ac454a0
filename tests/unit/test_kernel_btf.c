// SPDX-License-Identifier: BSD-2-Clause
/* Types of a made-up BTF, and of this kernel's: found, and written as a BTF of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/btf.h>

#include "kernel_btf.h"
#include "kernel_btf_part.h"
#include "memory.h"

#define INFO(kind, vlen) ((__u32)(kind) << 24 | (vlen))
#define MAX_BYTES 1024

enum { INT = 1, TASK, POINTER, SCHED, CODES, OTHER };

static const char strings[] = "\0int\0task_struct\0se\0next\0sched_entity\0runtime\0codes\0CODE_A"
			      "\0CODE_B\0other";

static __u32 string_at(const char *name)
{
	for (size_t at = 1; at < sizeof(strings); at += strlen(strings + at) + 1) {
		if (!strcmp(strings + at, name))
			return at;
	}
	fail_msg("no %s", name);
	return 0;
}

struct builder {
	__u8 bytes[MAX_BYTES];
	size_t size;
};

static void add(struct builder *builder, const void *bytes, size_t size)
{
	assert_true(builder->size + size <= MAX_BYTES);
	memcpy(builder->bytes + builder->size, bytes, size);
	builder->size += size;
}

static void add_type(struct builder *builder, const char *name, __u32 info, __u32 size_or_type)
{
	const struct btf_type type = {
		.name_off = *name ? string_at(name) : 0,
		.info = info,
		.size = size_or_type,
	};

	add(builder, &type, sizeof(type));
}

static void add_member(struct builder *builder, const char *name, __u32 type, __u32 bit)
{
	const struct btf_member member = {
		.name_off = string_at(name),
		.type = type,
		.offset = bit,
	};

	add(builder, &member, sizeof(member));
}

static void add_enumerator(struct builder *builder, const char *name, int value)
{
	const struct btf_enum one = { .name_off = string_at(name), .val = value };

	add(builder, &one, sizeof(one));
}

/* In the order of the enum above. A task_struct has a sched_entity, and points to one more. */
static void build(struct builder *ret)
{
	struct btf_header header = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(header),
		.str_len = sizeof(strings),
	};
	const __u32 signed_32 = BTF_INT_SIGNED << 24 | 32;

	*ret = (struct builder){ .size = sizeof(header) };
	add_type(ret, "int", INFO(BTF_KIND_INT, 0), 4);
	add(ret, &signed_32, sizeof(signed_32));
	add_type(ret, "task_struct", INFO(BTF_KIND_STRUCT, 2), 16);
	add_member(ret, "next", POINTER, 0);
	add_member(ret, "se", SCHED, 64);
	add_type(ret, "", INFO(BTF_KIND_PTR, 0), OTHER);
	add_type(ret, "sched_entity", INFO(BTF_KIND_STRUCT, 1), 4);
	add_member(ret, "runtime", INT, 0);
	add_type(ret, "codes", INFO(BTF_KIND_ENUM, 2), 4);
	add_enumerator(ret, "CODE_A", 1);
	add_enumerator(ret, "CODE_B", 2);
	add_type(ret, "other", INFO(BTF_KIND_STRUCT, 0), 0);
	header.type_len = header.str_off = ret->size - sizeof(header);
	memcpy(ret->bytes, &header, sizeof(header));
	add(ret, strings, sizeof(strings));
}

static int scan(const void *bytes, size_t size, const char *const *names, struct kernel_btf *ret)
{
	int error = kernel_btf_open_bytes(bytes, size, ret);

	if (error)
		return error;
	for (; *names; names++)
		kernel_btf_want(ret, *names, strlen(*names));
	error = kernel_btf_scan(ret);
	if (error)
		kernel_btf_close(ret);
	return error;
}

static void test_find(void **state)
{
	static const char *const names[] = { "task_struct", "codes", "nothing", NULL };
	struct builder built;
	struct kernel_btf btf;

	(void)state;
	build(&built);
	assert_int_equal(scan(built.bytes, built.size, names, &btf), 0);
	assert_int_equal(kernel_btf_find(&btf, "task_struct", BTF_KIND_STRUCT), TASK);
	assert_int_equal(kernel_btf_find(&btf, "task_struct", BTF_KIND_ENUM), 0);
	assert_int_equal(kernel_btf_find(&btf, "nothing", BTF_KIND_STRUCT), 0);
	/* There, but not wanted. */
	assert_int_equal(kernel_btf_find(&btf, "other", BTF_KIND_STRUCT), 0);
	assert_true(kernel_btf_has_enumerator(&btf, "codes", "CODE_B"));
	assert_false(kernel_btf_has_enumerator(&btf, "codes", "CODE_C"));
	assert_false(kernel_btf_has_enumerator(&btf, "task_struct", "CODE_B"));
	kernel_btf_close(&btf);
}

/* Writes what was found and reads it again, with other names wanted. */
static void write_and_scan(const struct kernel_btf *whole, const char *const *names,
			   struct kernel_btf *ret)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	off_t size;
	void *bytes;

	assert_true(fd >= 0);
	assert_int_equal(kernel_btf_write(whole, fd), 0);
	size = lseek(fd, 0, SEEK_END);
	bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(bytes, MAP_FAILED);
	assert_int_equal(scan(bytes, size, names, ret), 0);
	munmap(bytes, size);
	close(fd);
}

/* What a struct consists of is taken along, what it points to is not. */
static void test_write(void **state)
{
	static const char *const wanted[] = { "task_struct", "codes", NULL };
	static const char *const all[] = { "task_struct", "codes", "sched_entity", "other", NULL };
	const struct btf_type *task;
	const struct btf_member *members;
	struct builder built;
	struct kernel_btf whole, part;
	__u32 entity;

	(void)state;
	build(&built);
	assert_int_equal(scan(built.bytes, built.size, wanted, &whole), 0);
	write_and_scan(&whole, all, &part);
	entity = kernel_btf_find(&part, "sched_entity", BTF_KIND_STRUCT);
	assert_int_not_equal(entity, 0);
	assert_int_equal(kernel_btf_find(&part, "other", BTF_KIND_STRUCT), 0);
	assert_true(kernel_btf_has_enumerator(&part, "codes", "CODE_A"));
	task = kernel_btf_type(&part, kernel_btf_find(&part, "task_struct", BTF_KIND_STRUCT));
	members = (const void *)(task + 1);
	assert_int_equal(task->size, 16);
	assert_string_equal(kernel_btf_name(&part, members[1].name_off), "se");
	assert_int_equal(members[1].type, entity);
	assert_int_equal(members[1].offset, 64);
	kernel_btf_close(&whole);
	kernel_btf_close(&part);
}

/* Cut off anywhere, or with any byte changed, it is refused or read, and no more than is there. */
static void test_damage(void **state)
{
	static const char *const names[] = { "task_struct", "codes", NULL };
	int sink = memfd_create("test", MFD_CLOEXEC);
	struct builder built;

	(void)state;
	build(&built);
	for (size_t at = 0; at < 2 * built.size; at++) {
		size_t size = at < built.size ? at : built.size;
		_cleanup_(freep) __u8 *bytes = xmemdup(built.bytes, size ? size : 1);
		struct kernel_btf btf;

		if (at >= built.size)
			bytes[at - built.size] ^= 0xff;
		if (scan(bytes, size, names, &btf))
			continue;
		assert_true(at >= built.size);
		kernel_btf_write(&btf, sink);
		kernel_btf_close(&btf);
	}
	close(sink);
}

static void test_running_kernel(void **state)
{
	static const char *const all[] = { "task_struct", "mm_struct", "load_weight", NULL };
	struct kernel_btf whole, part;

	(void)state;
	if (kernel_btf_open(&whole))
		skip();
	kernel_btf_want(&whole, "task_struct", strlen("task_struct"));
	assert_int_equal(kernel_btf_scan(&whole), 0);
	assert_int_not_equal(kernel_btf_find(&whole, "task_struct", BTF_KIND_STRUCT), 0);
	write_and_scan(&whole, all, &part);
	/* task_struct.se.load; the mm_struct is only pointed to. */
	assert_int_not_equal(kernel_btf_find(&part, "load_weight", BTF_KIND_STRUCT), 0);
	assert_int_equal(kernel_btf_find(&part, "mm_struct", BTF_KIND_STRUCT), 0);
	assert_true(part.size < whole.size / 10);
	kernel_btf_close(&whole);
	kernel_btf_close(&part);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_running_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
