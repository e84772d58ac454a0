/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * malloc_plan_find and code_step_decode: on the C libraries and allocators of this machine and of
 * the interpreters that tests have fetched, on damaged copies, and on single instructions. That a
 * hit is a call is for the end-to-end tests.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <memprobe/wire.h>

#include "code_step.h"
#include "elf_file.h"
#include "malloc_plan.h"
#include "memory.h"
#include "probe_insn.h"

#define LIBC "/lib/" ELF_MACHINE_NAME "-linux-gnu/libc.so.6"

static int open_copy(const char *path)
{
	_cleanup_(closep) int from = open(path, O_RDONLY | O_CLOEXEC);
	int copy = memfd_create("copy", MFD_CLOEXEC);
	char bytes[65536];
	ssize_t got;

	if (from < 0)
		skip();
	while ((got = read(from, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(copy, bytes, (size_t)got), got);
	return copy;
}

static const struct malloc_site *site_of(const struct malloc_plan *plan, uint32_t call)
{
	for (size_t i = 0; i < plan->nr_sites; i++)
		if (plan->sites[i].call == call)
			return &plan->sites[i];
	return NULL;
}

/* Where the file has its code for a function. */
static uint64_t offset_of(int fd, const char *name)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	struct elf_symbol symbol = { .name = name };
	const struct elf_segment *segment;

	assert_int_equal(elf_file_open(fd, &file), 0);
	assert_int_equal(elf_file_find_symbols(file, ELF_DYNSYM, &symbol, 1), 1);
	segment = elf_file_segment(file, symbol.vaddr);
	assert_non_null(segment);
	return segment->offset + symbol.vaddr - segment->vaddr;
}

/* ---- Whole files ---- */

static void check_site(int fd, const struct malloc_site *site)
{
	uint8_t bytes[PROBE_INSN_BYTES];
	enum probe_insn insn;

	assert_in_range(site->call, ALLOC_MALLOC, ALLOC_RESIZE);
	assert_int_equal(site->has_return, site->call != ALLOC_FREE && !site->is_unfollowed);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), (off_t)site->offset), sizeof(bytes));
	insn = probe_insn_classify(ELF_MACHINE_HERE, bytes, sizeof(bytes));
	assert_int_equal(!site->is_slow, insn == PROBE_INSN_EMULATED || insn == PROBE_INSN_NOP5);
}

static void check_function(int fd, const struct malloc_plan *plan, const char *name, uint32_t call)
{
	const struct malloc_site *site = site_of(plan, call);
	uint64_t entry = offset_of(fd, name);

	assert_non_null(site);
	assert_in_range(site->offset, entry, entry + 96);
}

#define FUNCTION_BYTES 16 /* the least from one function to the next */

static bool is_exported(int fd, const char *name)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	struct elf_symbol symbol = { .name = name };

	assert_int_equal(elf_file_open(fd, &file), 0);
	return elf_file_find_symbols(file, ELF_DYNSYM, &symbol, 1) == 1;
}

/* An exception does not pass a return that is waited for. */
static void check_throwing(int fd, const struct malloc_plan *plan)
{
	static const char *const names[] = {
		"_Znwm", "_Znam", "_ZnwmSt11align_val_t", "_ZnamSt11align_val_t", "mi_new_nothrow",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint64_t entry = is_exported(fd, names[i]) ? offset_of(fd, names[i]) : 0;

		for (size_t j = 0; entry && j < plan->nr_sites; j++)
			assert_false(plan->sites[j].has_return &&
				     plan->sites[j].offset - entry < FUNCTION_BYTES);
	}
	assert_int_equal(plan->has_unfollowed, is_exported(fd, "_Znwm"));
	assert_int_equal(plan->has_unfollowed, strstr(plan->what, ", not followed: ") != NULL);
}

static void check_own_name(int fd, const struct malloc_plan *plan, const char *name, uint32_t call)
{
	uint64_t entry = is_exported(fd, name) ? offset_of(fd, name) : 0;
	bool is_found = !entry;

	for (size_t i = 0; i < plan->nr_sites; i++)
		is_found |= plan->sites[i].offset - entry < FUNCTION_BYTES &&
			    plan->sites[i].call == call;
	assert_true(is_found);
}

static void check_own_names(int fd, const struct malloc_plan *plan)
{
	check_own_name(fd, plan, "mallocx", ALLOC_MALLOC);
	check_own_name(fd, plan, "rallocx", ALLOC_REALLOC);
	check_own_name(fd, plan, "xallocx", ALLOC_RESIZE);
	check_own_name(fd, plan, "dallocx", ALLOC_FREE);
	check_own_name(fd, plan, "sdallocx", ALLOC_FREE);
	check_own_name(fd, plan, "tc_malloc_skip_new_handler", ALLOC_MALLOC);
	check_own_name(fd, plan, "mi_zalloc", ALLOC_MALLOC);
	check_own_name(fd, plan, "mi_expand", ALLOC_REALLOC);
	check_own_name(fd, plan, "mi_heap_mallocn", ALLOC_CALLOC);
}

static void check_file(const char *path)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct malloc_plan plan;

	assert_int_equal(malloc_plan_find(fd, &plan), 0);
	print_message("%s: %s\n", path, plan.what);
	assert_null(plan.reason);
	check_function(fd, &plan, "malloc", ALLOC_MALLOC);
	check_function(fd, &plan, "calloc", ALLOC_CALLOC);
	check_function(fd, &plan, "realloc", ALLOC_REALLOC);
	check_function(fd, &plan, "free", ALLOC_FREE);
	check_function(fd, &plan, "posix_memalign", ALLOC_POSIX);
	for (size_t i = 0; i < plan.nr_sites; i++) {
		check_site(fd, &plan.sites[i]);
		for (size_t j = 0; j < i; j++)
			assert_true(plan.sites[i].offset != plan.sites[j].offset);
	}
	/* mimalloc 2 takes its heap into %rdi before the first jump. */
	assert_int_equal(plan.is_slow, strstr(path, "libmimalloc") != NULL);
	assert_true(plan.has_malloc);
	assert_false(plan.has_python);
	check_throwing(fd, &plan);
	check_own_names(fd, &plan);
}

static void check_all(const char *pattern)
{
	glob_t found = { 0 };

	if (glob(pattern, 0, NULL, &found))
		skip();
	for (size_t i = 0; i < found.gl_pathc; i++)
		check_file(found.gl_pathv[i]);
	globfree(&found);
}

static void test_own_libc(void **state)
{
	check_all(LIBC);
}

static void test_fetched_libcs(void **state)
{
	const char *home = getenv("HOME");
	_cleanup_(freep) char *pattern = xasprintf("%s/.cache/memprobe/interpreters/*/usr" LIBC,
						   home ? home : "/root");

	check_all(pattern);
}

static void test_musl(void **state)
{
	check_all("/usr/lib/" ELF_MACHINE_NAME "-linux-musl/libc.so");
}

static void test_jemalloc(void **state)
{
	check_all("/usr/lib/" ELF_MACHINE_NAME "-linux-gnu/libjemalloc.so.2");
}

static void test_mimalloc(void **state)
{
	check_all("/usr/lib/" ELF_MACHINE_NAME "-linux-gnu/libmimalloc.so.2.0");
}

static void test_tcmalloc(void **state)
{
	check_all("/usr/lib/" ELF_MACHINE_NAME "-linux-gnu/libtcmalloc_minimal.so.4");
}

/* Static functions: the file's other table of symbols has them, unless it was stripped. */
static void check_python(const char *path)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	static const char *const names[] = { "_PyMem_MiMalloc", "_PyObject_MiFree" };
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	size_t nr_frees = 0, is_there;
	struct malloc_plan plan;

	assert_int_equal(elf_file_open(fd, &file), 0);
	is_there = 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct elf_symbol symbol = { .name = names[i] };

		is_there += elf_file_find_symbols(file, ELF_SYMTAB, &symbol, 1);
	}
	if (!is_there) {
		assert_int_equal(malloc_plan_find(fd, &plan), -ENOENT);
		return;
	}
	assert_int_equal(malloc_plan_find(fd, &plan), 0);
	print_message("%s: %s\n", path, plan.what);
	assert_true(plan.has_python);
	assert_false(plan.has_malloc);
	assert_true(plan.nr_sites >= 4);
	for (size_t i = 0; i < plan.nr_sites; i++) {
		check_site(fd, &plan.sites[i]);
		assert_int_equal(plan.sites[i].has_context, 1);
		nr_frees += plan.sites[i].call == ALLOC_FREE;
	}
	assert_in_range(nr_frees, 1, 3);
}

static void test_python(void **state)
{
	const char *home = getenv("HOME");
	const char *const patterns[] = { ".pyenv/versions/3.1[3-9]*/lib/libpython3.1?*.so.1.0",
					 ".cache/memprobe/interpreters/built-*/bin/python3.1[3-9]*",
					 ".cache/memprobe/interpreters/debian-3.1[3-5]*/usr/bin/"
					 "python3.1[3-5]" };

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		_cleanup_(freep) char *pattern = xasprintf("%s/%s", home ? home : "/root",
							   patterns[i]);
		glob_t found = { 0 };

		if (glob(pattern, 0, NULL, &found))
			continue;
		for (size_t j = 0; j < found.gl_pathc; j++)
			if (!strstr(found.gl_pathv[j], "-config"))
				check_python(found.gl_pathv[j]);
		globfree(&found);
	}
}

static void check_without(const char *path)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct malloc_plan plan;

	if (fd < 0)
		skip();
	assert_int_equal(malloc_plan_find(fd, &plan), -ENOENT);
	assert_int_equal(plan.nr_sites, 0);
	assert_non_null(plan.reason);
}

static void test_without_malloc(void **state)
{
	check_without("/lib/" ELF_MACHINE_NAME "-linux-gnu/libm.so.6");
}

/* 2.31's exports the malloc that it has for itself. */
static void test_loader(void **state)
{
	const char *home = getenv("HOME");
	_cleanup_(freep) char *path = xasprintf("%s/.cache/memprobe/interpreters/debian-3.9"
						"/usr/lib/" ELF_MACHINE_NAME
						"-linux-gnu/ld-2.31.so",
						home ? home : "/root");

	check_without(path);
}

/* ---- Damaged copies of this machine's ---- */

static void overwrite(int fd, const char *function, const void *bytes, size_t size)
{
	assert_int_equal(pwrite(fd, bytes, size, (off_t)offset_of(fd, function)), size);
}

/* What free or malloc begins with, where it is to be probed then; -1: slow, at the entry. */
static void check_beginning(const char *function, const char *bytes, size_t size, int expected)
{
	_cleanup_(closep) int fd = open_copy(LIBC);
	uint32_t call = strcmp(function, "free") != 0 ? ALLOC_MALLOC : ALLOC_FREE;
	const struct malloc_site *site;
	struct malloc_plan plan;

	overwrite(fd, function, bytes, size);
	assert_int_equal(malloc_plan_find(fd, &plan), 0);
	site = site_of(&plan, call);
	assert_non_null(site);
	assert_int_equal(site->is_slow, expected < 0);
	assert_int_equal(plan.is_slow, expected < 0);
	assert_int_equal(strstr(plan.what, function) != NULL, expected < 0);
	assert_int_equal(site->offset - offset_of(fd, function), expected < 0 ? 0 : expected);
}
#define CHECK_BEGINNING(function, bytes, expected) \
	check_beginning(function, bytes, sizeof(bytes) - 1, expected)

#define ENDBR64 "\xf3\x0f\x1e\xfa"
#define TEST_RDI "\x48\x85\xff"
#define TEST_RSI "\x48\x85\xf6"
#define JE "\x74\x10"
#define JE_FAR "\x0f\x84\x10\x00\x00\x00"
#define JNE "\x75\x10"
#define PUSH_RBX "\x53"
#define SUB_RSP "\x48\x83\xec\x18"
#define MOV_TO_RDI "\x48\x89\xc7"
#define MOV_TO_RSI "\x48\x89\xc6"
#define NOP5 "\x0f\x1f\x44\x00\x00"
#define RDTSC "\x0f\x31"

static void test_beginnings(void **state)
{
	CHECK_BEGINNING("malloc", PUSH_RBX, 0);
	CHECK_BEGINNING("malloc", ENDBR64 PUSH_RBX, 4);
	CHECK_BEGINNING("malloc", NOP5 PUSH_RBX, 0);
	CHECK_BEGINNING("malloc", ENDBR64 NOP5 PUSH_RBX, 4);
	CHECK_BEGINNING("malloc", TEST_RDI JE, 3);
	/* Inside a function the kernel's call would write below the stack pointer. */
	CHECK_BEGINNING("malloc", TEST_RDI NOP5 JE, 8);
	CHECK_BEGINNING("malloc", MOV_TO_RSI JE, 3);
	CHECK_BEGINNING("malloc", MOV_TO_RDI JE, -1);
	CHECK_BEGINNING("malloc", RDTSC JE, -1);
	/* The return address is no longer at the stack pointer; free has no return probe. */
	CHECK_BEGINNING("malloc", SUB_RSP JE, -1);
	CHECK_BEGINNING("free", SUB_RSP JE, 4);
	CHECK_BEGINNING("free", SUB_RSP MOV_TO_RDI JE, -1);
	CHECK_BEGINNING("free", ENDBR64 SUB_RSP TEST_RDI JE RDTSC, 11);
}

/* What frees nothing is not to be seen, where only a NULL goes another way. */
static void test_null_tests(void **state)
{
	CHECK_BEGINNING("free", TEST_RDI JE PUSH_RBX, 5);
	CHECK_BEGINNING("free", TEST_RDI JE_FAR SUB_RSP PUSH_RBX, 13);
	CHECK_BEGINNING("free", TEST_RDI JE MOV_TO_RDI PUSH_RBX, 3);
	CHECK_BEGINNING("free", TEST_RDI JE NOP5 RDTSC, 3);
	CHECK_BEGINNING("free", TEST_RDI JNE PUSH_RBX, 3);
	CHECK_BEGINNING("free", TEST_RDI SUB_RSP JE PUSH_RBX, 7);
	CHECK_BEGINNING("free", TEST_RSI JE PUSH_RBX, 3);
	CHECK_BEGINNING("malloc", TEST_RDI JE PUSH_RBX, 3);
}

/* This machine's has such a test. */
static void test_own_free(void **state)
{
	_cleanup_(closep) int fd = open(LIBC, O_RDONLY | O_CLOEXEC);
	struct malloc_plan plan;

	if (fd < 0)
		skip();
	assert_int_equal(malloc_plan_find(fd, &plan), 0);
	assert_true(site_of(&plan, ALLOC_FREE)->offset > offset_of(fd, "free") + 3);
}

/* Calls visit with each symbol of .dynsym with that name; the symbol may be changed. */
static void change_symbol(int fd, const char *name, uint64_t value)
{
	struct stat status;
	uint8_t *bytes;
	Elf64_Shdr *sections;
	bool is_changed = false;

	assert_int_equal(fstat(fd, &status), 0);
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(bytes != MAP_FAILED);
	sections = (Elf64_Shdr *)(bytes + ((Elf64_Ehdr *)bytes)->e_shoff);
	for (size_t i = 0; i < ((Elf64_Ehdr *)bytes)->e_shnum; i++) {
		Elf64_Sym *symbols = (Elf64_Sym *)(bytes + sections[i].sh_offset);
		const char *names = (char *)bytes + sections[sections[i].sh_link].sh_offset;

		if (sections[i].sh_type != SHT_DYNSYM)
			continue;
		for (size_t j = 0; j < sections[i].sh_size / sizeof(*symbols); j++) {
			if (strcmp(names + symbols[j].st_name, name) != 0)
				continue;
			symbols[j].st_value = value;
			is_changed = true;
		}
	}
	munmap(bytes, (size_t)status.st_size);
	assert_true(is_changed);
}

static void check_moved(const char *name, uint64_t value)
{
	_cleanup_(closep) int fd = open_copy(LIBC);
	struct malloc_plan plan;

	change_symbol(fd, name, value);
	assert_int_equal(malloc_plan_find(fd, &plan), -ENOENT);
	assert_int_equal(plan.nr_sites, 0);
	assert_non_null(plan.reason);
}

static void test_moved(void **state)
{
	check_moved("malloc", 0);
	check_moved("free", 0);
	check_moved("malloc", 64);
	check_moved("realloc", UINT64_MAX);
	check_moved("valloc", UINT64_MAX - 95);
}

/* At every size the answer is one. */
static void test_shortened(void **state)
{
	_cleanup_(closep) int fd = open_copy(LIBC);
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	for (off_t size = status.st_size; size > 0; size -= status.st_size / 50) {
		struct malloc_plan plan = { 0 };

		assert_int_equal(ftruncate(fd, size), 0);
		if (malloc_plan_find(fd, &plan))
			assert_int_equal(plan.nr_sites, 0);
		else
			assert_int_equal(size, status.st_size);
	}
}

/* ---- Single instructions ---- */

#define RAX (1U << 0)
#define RCX (1U << 1)
#define RDX (1U << 2)
#define RBX (1U << 3)
#define RSP (1U << 4)
#define RSI (1U << 6)
#define RDI (1U << 7)
#define R12 (1U << 12)

static const struct {
	const char *bytes;
	size_t size;
	uint32_t written;
} steps[] = {
/* clang-format off */
#define STEP(bytes, written) { bytes, sizeof(bytes) - 1, written }
	STEP("\x48\x85\xff", 0),			     /* test %rdi,%rdi */
	STEP("\x48\x89\xfb", RBX),			     /* mov %rdi,%rbx */
	STEP("\x49\x89\xfc", R12),			     /* mov %rdi,%r12 */
	STEP("\x4c\x89\xe7", RDI),			     /* mov %r12,%rdi */
	STEP("\x48\x8b\x05\x01\x02\x03\x04", RAX),	     /* mov 0x4030201(%rip),%rax */
	STEP("\x48\x8b\x34\x24", RSI),			     /* mov (%rsp),%rsi */
	STEP("\x64\x48\x8b\x04\x25\x00\x00\x00\x00", RAX),   /* mov %fs:0x0,%rax */
	STEP("\x64\x48\x8b\x38", RDI),			     /* mov %fs:(%rax),%rdi */
	STEP("\x80\x3d\x46\x1b\x14\x00\x00", 0),	     /* cmpb $0x0,0x141b46(%rip) */
	STEP("\x48\x81\xff\x00\x10\x00\x00", 0),	     /* cmp $0x1000,%rdi */
	STEP("\x48\x83\xec\x18", RSP),			     /* sub $0x18,%rsp */
	STEP("\x48\x81\xec\x18\x01\x00\x00", RSP),	     /* sub $0x118,%rsp */
	STEP("\x48\x8d\x47\x17", RAX),			     /* lea 0x17(%rdi),%rax */
	STEP("\x48\x8d\x7c\x37\xff", RDI),		     /* lea -0x1(%rdi,%rsi,1),%rdi */
	STEP("\x48\xf7\xe6", RAX | RDX),		     /* mul %rsi */
	STEP("\x48\xc1\xe8\x1a", RAX),			     /* shr $0x1a,%rax */
	STEP("\x48\xd1\xef", RDI),			     /* shr %rdi */
	STEP("\x25\xf0\x00\x00\x00", RAX),		     /* and $0xf0,%eax */
	STEP("\x40\xf6\xc7\x0f", 0),			     /* test $0xf,%dil */
	STEP("\x40\xb7\x01", RDI),			     /* mov $0x1,%dil */
	STEP("\xb7\x01", RBX),				     /* mov $0x1,%bh */
	STEP("\xb6\x01", RDX),				     /* mov $0x1,%dh */
	STEP("\xbe\x01\x00\x00\x00", RSI),		     /* mov $0x1,%esi */
	STEP("\x48\xbf\x01\x02\x03\x04\x05\x06\x07\x08", RDI), /* movabs $...,%rdi */
	STEP("\x66\xb9\x01\x00", RCX),			     /* mov $0x1,%cx */
	STEP("\x31\xed", 1U << 5),			     /* xor %ebp,%ebp */
	STEP("\x0f\xb6\xf8", RDI),			     /* movzbl %al,%edi */
	STEP("\x0f\x90\xc1", RCX),			     /* seto %cl */
	STEP("\x48\x0f\x44\xf0", RSI),			     /* cmove %rax,%rsi */
	STEP("\x48\x89\x74\x24\x08", 0),		     /* mov %rsi,0x8(%rsp) */
	STEP("\x66\x0f\x1f\x84\x00\x00\x00\x00\x00", 0),     /* nopw 0x0(%rax,%rax,1) */
	STEP("\x0f\x29\x44\x24\x10", 0),		     /* movaps %xmm0,0x10(%rsp) */
	/* clang-format on */
};

static void test_steps(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		const uint8_t *bytes = (const uint8_t *)steps[i].bytes;
		struct code_step step;

		print_message("%zu\n", i);
		assert_true(code_step_decode(bytes, steps[i].size, &step));
		assert_int_equal(step.bytes, steps[i].size);
		assert_int_equal(step.written, steps[i].written);
		for (size_t size = 0; size < steps[i].size; size++)
			assert_false(code_step_decode(bytes, size, &step));
	}
}

/* Branches, and what is not known. */
static void test_no_steps(void **state)
{
	static const char *const others[] = {
		"\xc3",			    /* ret */
		"\xff\x25\x01\x02\x03\x04", /* jmp *0x4030201(%rip) */
		"\xff\xd0",		    /* call *%rax */
		"\x5f",			    /* pop %rdi */
		"\x0f\x05",		    /* syscall */
		"\x48\x87\xfe",		    /* xchg %rdi,%rsi */
		"\xf3\xa4",		    /* rep movsb */
		"\xc5\xf8\x77",		    /* vzeroupper */
	};
	uint8_t bytes[CODE_STEP_BYTES + 1];
	struct code_step step;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		snprintf((char *)bytes, sizeof(bytes), "%s", others[i]);
		assert_false(code_step_decode(bytes, sizeof(bytes), &step));
	}
	memset(bytes, 0x66, sizeof(bytes));
	assert_false(code_step_decode(bytes, sizeof(bytes), &step));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_libc),       cmocka_unit_test(test_fetched_libcs),
		cmocka_unit_test(test_musl),	       cmocka_unit_test(test_jemalloc),
		cmocka_unit_test(test_mimalloc),       cmocka_unit_test(test_tcmalloc),
		cmocka_unit_test(test_python),	       cmocka_unit_test(test_loader),
		cmocka_unit_test(test_without_malloc), cmocka_unit_test(test_beginnings),
		cmocka_unit_test(test_null_tests),     cmocka_unit_test(test_own_free),
		cmocka_unit_test(test_moved),	       cmocka_unit_test(test_shortened),
		cmocka_unit_test(test_steps),	       cmocka_unit_test(test_no_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
