/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interpreter_inspect on every CPython of this machine: the system's, pyenv's, the unpacked ones of
 * tools/interpreters. What is missing is skipped. Whether the layout is true is for
 * test_target_place.c, which follows it in running processes.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
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

#include "code_scan.h"
#include "interpreter.h"
#include "memory.h"

static char *in_home(const char *pattern)
{
	const char *home = getenv("HOME");

	return xasprintf("%s/%s", home ? home : "/root", pattern);
}

/* Calls fn for each file; returns how many there were. */
static size_t for_each(const char *pattern, void (*fn)(const char *path))
{
	_cleanup_(freep) char *full = *pattern == '/' ? xstrdup(pattern) : in_home(pattern);
	glob_t found = { 0 };
	size_t count = 0;

	if (glob(full, 0, NULL, &found) == 0)
		for (; count < found.gl_pathc; count++) {
			print_message("%s\n", found.gl_pathv[count]);
			fn(found.gl_pathv[count]);
		}
	globfree(&found);
	return count;
}

static int inspect(const char *path, struct interpreter *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int status;

	assert_true(fd >= 0);
	memset(ret, 0, sizeof(*ret));
	status = interpreter_inspect(fd, ret);
	close(fd);
	return status;
}

/* A debug build of 3.13 has no counter of code objects that is known. */
static bool is_debug_3_13;

static void check_complete(const struct interpreter *found)
{
	const struct wire_layout *layout = &found->layout;

	assert_null(found->reason);
	assert_true(found->verified);
	assert_false(found->table_disagrees);
	assert_int_equal(layout->version, found->version_hex >> 16);
	assert_true(found->text_bytes > 0);
	assert_true(layout->finalizing_vaddr != 0);
	assert_int_equal(found->ends.doubt, RUNTIME_ENDS_SURE);
	assert_true(found->ends.offsets[0] != 0);
	assert_int_equal(found->ends.offsets[1], 0);
	assert_true(layout->generation_vaddr != 0 || layout->interp_generation != NO_OFFSET ||
		    is_debug_3_13);
	assert_true(layout->version < 0x307 || layout->interpreters_vaddr);
	if (layout->tstate_by == TSTATE_BY_TLS)
		assert_true(layout->tls_bound.index_vaddr || layout->tls_bound.offset);
	else
		assert_true(layout->tstate_by == TSTATE_BY_PTHREAD_KEY && layout->key_vaddr);
}

/* The directory's name is the version: ~/.pyenv/versions/3.9.18/lib/libpython3.9.so.1.0 */
static void check_pyenv(const char *path)
{
	_cleanup_(freep) char *copy = xstrdup(path);
	const char *version = basename(dirname(dirname(copy)));
	struct interpreter found;
	int status = inspect(path, &found);

	assert_string_equal(found.version, version);
	if (!strncmp(version, "2.", 2)) {
		assert_int_equal(status, -ENOTSUP);
		assert_non_null(found.reason);
		return;
	}
	assert_int_equal(status, 0);
	check_complete(&found);
}

static void test_pyenv_libraries(void **state)
{
	if (!for_each(".pyenv/versions/*/lib/libpython[23].*.so.1.0", check_pyenv))
		skip();
}

static void check_none(const char *path)
{
	struct interpreter found;

	assert_int_equal(inspect(path, &found), -ENOENT);
}

/* These only import from libpython. */
static void test_programs_without_an_interpreter(void **state)
{
	for_each(".pyenv/versions/*/bin/python[23].[0-9]", check_none);
	for_each(".pyenv/versions/*/bin/python[23].[0-9][0-9]", check_none);
	check_none("/proc/self/exe");
	check_none("/bin/sh");
}

static void check_debian(const char *path)
{
	const char *store = strstr(path, "/interpreters/");
	_cleanup_(freep) char *version_path = NULL;
	char version[32] = "";
	struct interpreter found;
	int status = inspect(path, &found), fd;
	ssize_t size;

	version_path = xasprintf("%.*s/version", (int)(strstr(store + 14, "/usr/") - path), path);
	fd = open(version_path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, version, sizeof(version) - 1);
	assert_true(size > 0);
	close(fd);
	version[strcspn(version, "\n")] = '\0';
	assert_string_equal(found.version, version);
	assert_int_equal(status, 0);
	is_debug_3_13 = strstr(path, "python3.13d") != NULL;
	check_complete(&found);
	is_debug_3_13 = false;
}

static void test_debian_interpreters(void **state)
{
	size_t count = 0;

	count += for_each(".cache/memprobe/interpreters/*/usr/bin/python3.[0-9]*[0-9]",
			  check_debian);
	count += for_each(".cache/memprobe/interpreters/*/usr/lib/" ELF_MACHINE_NAME "-linux-gnu/"
			  "libpython3.*.so.1.0",
			  check_debian);
	if (!count)
		skip();
}

/* BOLT leaves what it has moved in the old code, too, and nobody comes there. */
static void check_moved(const char *path)
{
	struct interpreter found;

	assert_int_equal(inspect(path, &found), 0);
	check_complete(&found);
}

static void test_moved_code(void **state)
{
	if (!for_each(".cache/memprobe/interpreters/standalone-*/bin/python3.[0-9]*[0-9]",
		      check_moved))
		skip();
}

static void check_free_threaded(const char *path)
{
	struct interpreter found;

	assert_int_equal(inspect(path, &found), 0);
	check_complete(&found);
	assert_true(found.layout.free_threaded);
}

static void test_free_threaded_interpreters(void **state)
{
	if (!for_each(".cache/memprobe/interpreters/built-*/bin/python3.[0-9]*t",
		      check_free_threaded))
		skip();
}

static void check_system(const char *path)
{
	struct interpreter found;

	assert_int_equal(inspect(path, &found), 0);
	check_complete(&found);
	/* /usr/bin/python3.11 is some 3.11. */
	assert_int_equal(strncmp(found.version, strrchr(path, 'n') + 1, 4), 0);
}

static void test_system_interpreter(void **state)
{
	if (!for_each("/usr/bin/python3.1[0-9]", check_system))
		skip();
}

/* A copy in memory that lacks .symtab, as after strip. */
static int copy_stripped(const char *path)
{
	int from = open(path, O_RDONLY | O_CLOEXEC), to = memfd_create("stripped", MFD_CLOEXEC);
	struct stat status;
	Elf64_Ehdr header;

	assert_int_equal(fstat(from, &status), 0);
	for (off_t left = status.st_size; left > 0;) {
		ssize_t moved = copy_file_range(from, NULL, to, NULL, (size_t)left, 0);
		char buffer[65536];

		if (moved < 0) {
			moved = read(from, buffer, sizeof(buffer));
			assert_int_equal(write(to, buffer, (size_t)moved), moved);
		}
		left -= moved;
	}
	close(from);
	assert_int_equal(pread(to, &header, sizeof(header), 0), sizeof(header));
	for (unsigned int i = 0; i < header.e_shnum; i++) {
		off_t at = (off_t)(header.e_shoff + i * sizeof(Elf64_Shdr));
		Elf64_Shdr section;

		assert_int_equal(pread(to, &section, sizeof(section), at), sizeof(section));
		if (section.sh_type == SHT_SYMTAB)
			section.sh_type = SHT_NULL;
		assert_int_equal(pwrite(to, &section, sizeof(section), at), sizeof(section));
	}
	return to;
}

/* What the machine code tells of a stripped file is what its symbols say. */
static void check_stripped(const char *path)
{
	struct interpreter whole, stripped = { 0 };
	int status = inspect(path, &whole), fd;

	if (status)
		return;
	fd = copy_stripped(path);
	assert_int_equal(interpreter_inspect(fd, &stripped), 0);
	assert_memory_equal(&stripped.layout, &whole.layout, sizeof(whole.layout));
	assert_memory_equal(&stripped.ends, &whole.ends, sizeof(whole.ends));
	close(fd);
}

static void test_stripped(void **state)
{
	if (!for_each(".pyenv/versions/*/lib/libpython3.*.so.1.0", check_stripped))
		skip();
}

/* Overwrites the first text of a file by another one of no more characters. */
static void replace_text(int fd, const char *text, const char *by)
{
	struct stat status;
	char *bytes, *found;

	assert_int_equal(fstat(fd, &status), 0);
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(bytes != MAP_FAILED);
	found = memmem(bytes, (size_t)status.st_size, text, strlen(text) + 1);
	assert_non_null(found);
	assert_true(strlen(by) <= strlen(text));
	assert_int_equal(pwrite(fd, by, strlen(by) + 1, found - bytes), strlen(by) + 1);
	munmap(bytes, (size_t)status.st_size);
}

/* What the file is taken for when `text` reads `by`. */
static void inspect_replaced(const char *path, const char *text, const char *by,
			     struct interpreter *ret)
{
	int fd = copy_stripped(path);

	replace_text(fd, text, by);
	assert_int_equal(interpreter_inspect(fd, ret), 0);
	close(fd);
}

static void assert_musl(const struct interpreter *found)
{
	assert_int_equal(found->layout.slots[0].first_block, NO_FIRST_BLOCK);
	assert_int_equal(found->layout.slots[0].blocks, 0x80);
	assert_int_equal(found->layout.slots[0].slot_bytes, 8);
	assert_int_equal(found->layout.slots[1].blocks, 0x88); /* 1.1.24 */
	assert_int_equal(found->layout.slots[2].slot_bytes, 0);
	assert_int_equal(found->layout.dtv_bytes, 8);
}

/* The same file as if linked with musl: a library by what it needs, Alpine's name and musl-gcc's, a
 * program by its loader; and as if static, without a name of either. */
static void check_musl(const char *path)
{
	static const char loader[] = "/lib64/ld-linux-x86-64.so.2";
	bool is_library = strstr(path, "libpython") != NULL;
	struct interpreter found = { 0 };

	if (inspect(path, &found) || found.layout.tstate_by != TSTATE_BY_PTHREAD_KEY)
		return;
	assert_int_equal(found.layout.slots[0].first_block, 0x310);
	assert_int_equal(found.layout.slots[1].slot_bytes, 0);
	assert_int_equal(found.layout.dtv_bytes, 16);
	if (!is_library) {
		inspect_replaced(path, loader, "/lib/ld-musl-x86_64.so.1", &found);
		assert_musl(&found);
		return;
	}
	inspect_replaced(path, "libc.so.6", "libc.musl", &found);
	assert_musl(&found);
	inspect_replaced(path, "libc.so.6", "libc.so", &found);
	assert_musl(&found);
	inspect_replaced(path, "libc.so.6", "libx.so.1", &found);
	assert_int_equal(found.layout.slots[0].first_block, 0x310);
	assert_int_equal(found.layout.slots[1].blocks, 0x80);
	assert_int_equal(found.layout.slots[2].blocks, 0x88);
}

static void test_musl(void **state)
{
	if (!(for_each(".pyenv/versions/3.9*/lib/libpython3.*.so.1.0", check_musl) +
	      for_each("/usr/bin/python3.1[0-9]", check_musl)))
		skip();
}

/* Code of another kind must not be taken for an answer. */
static void test_scan_finds_nothing_elsewhere(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct elf_file *file = NULL;
	struct elf_symbol function = { .name = "main" };
	struct code_scan scan;
	char text[32];
	struct wire_tls tls;

	assert_int_equal(elf_file_open(fd, &file), 0);
	assert_int_equal(code_scan_open(file, &function, &scan), -ENOENT);
	function.vaddr = UINT64_MAX - 8;
	assert_int_equal(code_scan_open(file, &function, &scan), -EFAULT);
	function.vaddr = elf_file_text(file)->vaddr;
	function.size = elf_file_text(file)->file_bytes;
	assert_int_equal(code_scan_open(file, &function, &scan), 0);
	assert_true(code_scan_dict_version(&scan) == 0);
	assert_true(code_scan_code_version(&scan) == 0);
	assert_int_equal(code_scan_tls(&scan, &tls), -ENOENT);
	assert_int_equal(code_scan_version(&scan, text, sizeof(text)), -ENOENT);
	elf_file_free(file);
	close(fd);
}

/* Every byte of the headers that decide, one at a time, set to values without sense. */
static void garble(int fd, off_t at)
{
	static const unsigned char values[] = { 0, 0x7f, 0xff };
	struct interpreter found;
	unsigned char original;

	assert_int_equal(pread(fd, &original, 1, at), 1);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		assert_int_equal(pwrite(fd, &values[i], 1, at), 1);
		(void)interpreter_inspect_by(fd, INTERPRETER_EXPORTED, &found);
	}
	assert_int_equal(pwrite(fd, &original, 1, at), 1);
}

static bool is_garbled;

static void check_garbled(const char *path)
{
	struct interpreter found;
	Elf64_Ehdr header;
	int fd;

	if (is_garbled || inspect(path, &found))
		return;
	is_garbled = true; /* one is enough */
	fd = copy_stripped(path);
	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	for (off_t at = 0; at < (off_t)sizeof(header); at++)
		garble(fd, at);
	for (off_t at = 0; at < header.e_phnum * (off_t)sizeof(Elf64_Phdr); at += 3)
		garble(fd, (off_t)header.e_phoff + at);
	for (off_t at = 0; at < header.e_shnum * (off_t)sizeof(Elf64_Shdr); at += 13)
		garble(fd, (off_t)header.e_shoff + at);
	close(fd);
}

static void test_garbled(void **state)
{
	for_each(".pyenv/versions/3.13*/lib/libpython3.*.so.1.0", check_garbled);
	for_each("/usr/bin/python3.1[0-9]", check_garbled);
	if (!is_garbled)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pyenv_libraries),
		cmocka_unit_test(test_programs_without_an_interpreter),
		cmocka_unit_test(test_debian_interpreters),
		cmocka_unit_test(test_moved_code),
		cmocka_unit_test(test_free_threaded_interpreters),
		cmocka_unit_test(test_system_interpreter),
		cmocka_unit_test(test_stripped),
		cmocka_unit_test(test_musl),
		cmocka_unit_test(test_scan_finds_nothing_elsewhere),
		cmocka_unit_test(test_garbled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
