/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking the inspecting process for rows and names: of this test's own code, and of files that it
 * maps. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "inspect_native.h"
#include "memory.h"
#include "unwind_builder.h"

#define PAGE 4096

static struct inspector *inspector;
static struct inspected_unwind found;
static struct inspect_functions_request request;
static struct function_name names[FUNCTION_NAMES_BATCH];
static char path[] = "/tmp/memprobe-native-XXXXXX";

__attribute__((noinline, used)) static int function_to_name(int number)
{
	return printf("%d\n", number);
}

static int begin(void **state)
{
	inspector = inspector_new(&inspect_targets);
	return 0;
}

static int end(void **state)
{
	inspector_free(inspector);
	return 0;
}

static int clear(void **state)
{
	inspected_unwind_clear(&found);
	memset(&request, 0, sizeof(request));
	unlink(path);
	strcpy(path + strlen(path) - 6, "XXXXXX");
	return 0;
}

static int ask_rows(const void *address)
{
	return inspect_unwind(inspector, getpid(), (uint64_t)(uintptr_t)address,
			      (struct file_identity){ 0 }, &found);
}

/* What is mapped at an address of our own. */
static struct process_mapping mapping_of(struct process_maps *maps, const void *address)
{
	const struct process_mapping *mapping;

	assert_int_equal(process_maps_read(getpid(), maps), 0);
	mapping = process_maps_at(maps, (uint64_t)(uintptr_t)address);
	assert_non_null(mapping);
	return *mapping;
}

static void test_rows(void **state)
{
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	_cleanup_(unwind_table_clear) struct unwind_table table = { 0 };
	const void *address = dlsym(RTLD_DEFAULT, "qsort");
	struct process_mapping mapping = mapping_of(&maps, address);
	_cleanup_(closep) int fd = open(mapping.path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	assert_int_equal(ask_rows(address), 0);
	assert_int_equal(found.status, 0);
	assert_string_equal(found.path, mapping.path);
	assert_int_equal(found.file.ino, mapping.file.ino);
	assert_int_equal(found.file.dev, mapping.file.dev);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(found.file.changed_ns,
			 status.st_ctim.tv_sec * 1000000000LL + status.st_ctim.tv_nsec);
	assert_int_equal(unwind_table_read(fd, &table), 0);
	assert_int_equal(found.table.nr_rows, table.nr_rows);
	assert_int_equal(found.table.nr_rules, table.nr_rules);
	assert_memory_equal(found.table.rows, table.rows, table.nr_rows * sizeof(*table.rows));
	assert_memory_equal(found.table.rules, table.rules, table.nr_rules * sizeof(*table.rules));
}

static void test_no_file(void **state)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child = fork();

	if (!child)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(ask_rows(page), -ENOENT);
	assert_int_equal(ask_rows(NULL), -ENOENT);
	assert_int_equal(ask_rows(&names), -ENOENT); /* data */
	assert_int_equal(inspect_unwind(inspector, child, (uint64_t)(uintptr_t)page,
					(struct file_identity){ 0 }, &found),
			 -ESRCH);
	munmap(page, PAGE);
}

/* A file that is named is found at whatever address, and before its code is mapped. */
static void test_named_file(void **state)
{
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	struct file_identity file = mapping_of(&maps, dlsym(RTLD_DEFAULT, "qsort")).file;
	const uint64_t code = (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "qsort");
	const uint64_t elsewhere[] = { code, 0, (uint64_t)(uintptr_t)&names,
				       (uint64_t)(uintptr_t)test_no_file };

	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++) {
		assert_int_equal(inspect_unwind(inspector, getpid(), elsewhere[i], file, &found),
				 0);
		assert_int_equal(found.file.ino, file.ino);
		assert_true(found.table.nr_rows > 1000);
		inspected_unwind_clear(&found);
	}
	file.dev++;
	assert_int_equal(inspect_unwind(inspector, getpid(), code, file, &found), -ENOENT);
}

/* A built file in the file system, mapped as code. */
static void *map_built(const struct unwind_built *built)
{
	_cleanup_(closep) int fd = mkstemp(path);
	void *code;

	assert_int_equal(write(fd, built->file.bytes, built->file.size), built->file.size);
	code = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, UNWIND_TEXT_OFFSET);
	assert_ptr_not_equal(code, MAP_FAILED);
	return code;
}

static void *map_with_function(void)
{
	struct unwind_built built;
	void *code;

	unwind_build(&built);
	unwind_put_usual(&built);
	unwind_put_function(&built, UNWIND_TEXT_VADDR + 0x20, 0x10, "", 0);
	unwind_put_symbol(&built, UNWIND_BUILT_SYMTAB, "named", UNWIND_TEXT_VADDR + 0x20, 0x10,
			  ELF64_ST_INFO(STB_LOCAL, STT_FUNC));
	code = map_built(&built);
	unwind_built_free(&built);
	return code;
}

/* Which file it is is told all the same. */
static void test_no_rows(void **state)
{
	struct unwind_built built;
	void *code;

	unwind_build(&built);
	code = map_built(&built);
	assert_int_equal(ask_rows(code), 0);
	assert_int_equal(found.status, -ENODATA);
	assert_int_equal(found.table.nr_rows, 0);
	assert_string_equal(found.path, path);
	munmap(code, PAGE);
	unwind_built_free(&built);
}

/* About a file that was found. */
static void prepare(uint32_t begin)
{
	request.pid = getpid();
	request.count = 1;
	request.file = found.file;
	request.begins[0] = begin;
	strcpy(request.path, found.path);
}

static int ask_names(void)
{
	memset(names, 0, sizeof(names));
	return inspect_functions(inspector, &request, names);
}

static void test_names(void **state)
{
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	const void *address = (const void *)function_to_name;
	struct process_mapping mapping = mapping_of(&maps, address);

	assert_int_equal(ask_rows(address), 0);
	prepare((uint32_t)((uint64_t)(uintptr_t)address - mapping.start + mapping.pgoff));
	request.count = 2;
	request.begins[1] = 0; /* no code */
	assert_int_equal(ask_names(), 0);
	assert_string_equal(names[0].name, "function_to_name");
	assert_true(names[0].vaddr > 0);
	assert_string_equal(names[1].name, "");
	assert_int_equal(names[1].vaddr, 0);
}

/* As long as there is a way to it, whoever mapped it. */
static void test_names_later(void **state)
{
	void *code = map_with_function();

	assert_int_equal(ask_rows(code), 0);
	assert_int_equal(found.status, 0);
	assert_int_equal(found.table.nr_rows, 2);
	prepare(found.table.rows[0].offset);
	munmap(code, PAGE);
	assert_int_equal(ask_names(), 0);
	assert_string_equal(names[0].name, "named");
	assert_int_equal(names[0].vaddr, UNWIND_TEXT_VADDR + 0x20);
	request.pid = INT32_MAX; /* of nobody */
	assert_int_equal(ask_names(), 0);
	assert_string_equal(names[0].name, "named");
	unlink(path);
	assert_int_not_equal(ask_names(), 0);
}

/* Another at its path, and the same that has changed. */
static void test_other_file(void **state)
{
	char other[sizeof(path)];
	void *code = map_with_function();

	assert_int_equal(ask_rows(code), 0);
	prepare(found.table.rows[0].offset);
	assert_int_equal(ask_names(), 0);
	usleep(20000); /* a clock tick, so that its ctime is another */
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(ask_names(), -ESTALE);
	munmap(code, PAGE);
	strcpy(other, path);
	unlink(other);
	strcpy(path + strlen(path) - 6, "XXXXXX");
	code = map_with_function();
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(ask_names(), -ESTALE);
	munmap(code, PAGE);
	unlink(other);
}

#define TEST(name) cmocka_unit_test_teardown(name, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rows),  TEST(test_no_file),	  TEST(test_named_file), TEST(test_no_rows),
		TEST(test_names), TEST(test_names_later), TEST(test_other_file),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
