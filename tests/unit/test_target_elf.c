/* SPDX-License-Identifier: BSD-2-Clause */
/* The ELF reader on this test's own executable, and on copies of it cut and garbled. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "elf_file.h"
#include "memory.h"

const char elf_marker[] = "a marker in .rodata"; /* global: in .symtab */
uint64_t elf_zeros[64];
static int elf_static_value = 0x1234567;

struct image {
	unsigned char *bytes;
	size_t size;
};

static int load(void **state)
{
	struct image *image = xcalloc(1, sizeof(*image));
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return -1;
	image->size = (size_t)status.st_size;
	image->bytes = xmalloc(image->size);
	if (read(fd, image->bytes, image->size) != status.st_size)
		return -1;
	close(fd);
	*state = image;
	return 0;
}

static int unload(void **state)
{
	struct image *image = *state;

	free(image->bytes);
	free(image);
	return 0;
}

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return fd;
}

static void test_segments_and_symbols(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct elf_symbol symbols[] = { { .name = "elf_marker" },
					{ .name = "elf_zeros" },
					{ .name = "elf_static_value" },
					{ .name = "no_such_symbol" } };
	struct elf_file *file = NULL;
	char text[32];
	uint64_t zeros[64];
	int value;

	/* For the compiler: a value that cannot be folded. */
	__asm__ volatile("" : "+m"(elf_static_value));
	assert_int_equal(elf_file_open(fd, &file), 0);
	assert_int_equal(elf_file_find_symbols(file, ELF_SYMTAB, symbols, 4), 3);
	assert_int_equal(symbols[0].size, sizeof(elf_marker));
	assert_int_equal(elf_file_read_string(file, symbols[0].vaddr, text, sizeof(text)), 0);
	assert_string_equal(text, elf_marker);
	assert_int_equal(elf_file_read_string(file, symbols[0].vaddr, text, 8), -ENAMETOOLONG);
	memset(zeros, 0xff, sizeof(zeros));
	assert_int_equal(elf_file_read(file, symbols[1].vaddr, zeros, sizeof(zeros)), 0);
	assert_memory_equal(zeros, elf_zeros, sizeof(zeros));
	assert_int_equal(elf_file_read(file, symbols[2].vaddr, &value, sizeof(value)), 0);
	assert_int_equal(value, 0x1234567);
	assert_true(elf_file_segment(file, symbols[2].vaddr)->is_writable);
	assert_true(elf_file_text(file)->is_executable);
	assert_null(elf_file_segment(file, UINT64_MAX));
	assert_int_equal(elf_file_read(file, UINT64_MAX, text, 1), -EFAULT);
	elf_file_free(file);
	close(fd);
}

static void visit(int64_t tag, const char *text, void *context)
{
	if (tag == DT_NEEDED && strstr(text, "libc.so"))
		*(bool *)context = true;
}

static void test_dynamic(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct elf_file *file = NULL;
	bool needs_libc = false;

	assert_int_equal(elf_file_open(fd, &file), 0);
	elf_file_visit_dynamic(file, visit, &needs_libc);
	assert_true(needs_libc);
	elf_file_free(file);
	close(fd);
}

static void test_bias(void **state)
{
	struct elf_segment segment = { .vaddr = 0x41f350, .offset = 0x1e350, .file_bytes = 0x5000 };
	uint64_t bias = 0;

	assert_int_equal(elf_file_bias(&segment, 0x55550041f000, 0x1e000, &bias), 0);
	assert_true(bias == 0x555500000000);
	/* The same segment, split by an mprotect. */
	assert_int_equal(elf_file_bias(&segment, 0x555500421000, 0x20000, &bias), 0);
	assert_true(bias == 0x555500000000);
	assert_int_equal(elf_file_bias(&segment, 0x555500421000, 0x1d000, &bias), -EINVAL);
	assert_int_equal(elf_file_bias(&segment, 0x555500421000, 0x24000, &bias), -EINVAL);
	/* An executable that is not relocated. */
	segment =
		(struct elf_segment){ .vaddr = 0x41f000, .offset = 0x1f000, .file_bytes = 0x1000 };
	assert_int_equal(elf_file_bias(&segment, 0x41f000, 0x1f000, &bias), 0);
	assert_true(bias == 0);
}

/* Everything the reader offers; only crashes and overruns fail. */
static void read_everything(int fd)
{
	struct elf_symbol symbols[] = { { .name = "elf_marker" }, { .name = "main" } };
	struct elf_file *file = NULL;
	bool ignored = false;
	char text[64];

	if (elf_file_open(fd, &file))
		return;
	elf_file_find_symbols(file, ELF_DYNSYM, symbols, 2);
	elf_file_find_symbols(file, ELF_SYMTAB, symbols, 2);
	for (int i = 0; i < 2; i++) {
		(void)elf_file_read(file, symbols[i].vaddr, text, sizeof(text));
		(void)elf_file_read_string(file, symbols[i].vaddr, text, sizeof(text));
	}
	if (elf_file_text(file))
		(void)elf_file_read(file, elf_file_text(file)->vaddr, text, sizeof(text));
	elf_file_visit_dynamic(file, visit, &ignored);
	elf_file_free(file);
}

static void test_truncated(void **state)
{
	struct image *image = *state;

	for (size_t size = 0; size < image->size; size += size < 1024 ? 7 : image->size / 97) {
		int fd = file_of(image->bytes, size);

		read_everything(fd);
		close(fd);
	}
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Where a changed byte changes how the file is read. */
static size_t pick_offset(const struct image *image, uint32_t *seed)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image->bytes;
	size_t tables[][2] = {
		{ 0, sizeof(*header) },
		{ header->e_phoff, header->e_phnum * sizeof(Elf64_Phdr) },
		{ header->e_shoff, header->e_shnum * sizeof(Elf64_Shdr) },
		{ 0, image->size },
	};
	uint32_t which = next_random(seed) % ARRAY_SIZE(tables);

	return (tables[which][0] + next_random(seed) % tables[which][1]) % image->size;
}

static void test_garbled(void **state)
{
	static const unsigned char values[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct image *image = *state;
	int fd = file_of(image->bytes, image->size);

	for (uint32_t seed = 1; seed <= 3000; seed++) {
		size_t offsets[4];
		uint32_t random = seed;

		for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
			unsigned char value = values[next_random(&random) % ARRAY_SIZE(values)];

			offsets[i] = pick_offset(image, &random);
			assert_int_equal(pwrite(fd, &value, 1, (off_t)offsets[i]), 1);
		}
		read_everything(fd);
		for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
			assert_int_equal(
				pwrite(fd, image->bytes + offsets[i], 1, (off_t)offsets[i]), 1);
	}
	close(fd);
}

static void assert_no_elf(int fd)
{
	struct elf_file *file = NULL;

	assert_true(fd >= 0);
	assert_int_equal(elf_file_open(fd, &file), -ENOEXEC);
	assert_null(file);
	close(fd);
}

static void test_no_elf(void **state)
{
	struct image *image = *state;
	unsigned char *copy = xmemdup(image->bytes, image->size);

	assert_no_elf(file_of("", 0));
	assert_no_elf(file_of("#!/bin/sh\n", 10));
	assert_no_elf(open("/", O_RDONLY | O_CLOEXEC));
	assert_no_elf(open("/dev/null", O_RDONLY | O_CLOEXEC));
	copy[EI_CLASS] = ELFCLASS32;
	assert_no_elf(file_of(copy, image->size));
	copy[EI_CLASS] = ELFCLASS64;
	((Elf64_Ehdr *)copy)->e_machine = EM_AARCH64;
	assert_no_elf(file_of(copy, image->size));
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments_and_symbols),
		cmocka_unit_test(test_dynamic),
		cmocka_unit_test(test_bias),
		cmocka_unit_test_setup_teardown(test_truncated, load, unload),
		cmocka_unit_test_setup_teardown(test_garbled, load, unload),
		cmocka_unit_test_setup_teardown(test_no_elf, load, unload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
