/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue_plan_find: on the interpreters of this machine and their modules _queue. Where a file has
 * symbols they tell where the functions are; that a hit is an item is for the end-to-end tests.
 */
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <memprobe/wire.h>

#include "elf_file.h"
#include "memory.h"
#include "probe_insn.h"
#include "queue_plan.h"

#define MAX_NAMES 3 /* under which a method's function is known: by hand, by Argument Clinic */

static const struct {
	uint32_t call;
	const char *names[MAX_NAMES];
} functions[] = {
	{ QUEUE_APPEND, { "deque_append", NULL } },
	{ QUEUE_POPLEFT, { "deque_popleft", NULL } },
	{ QUEUE_PUT, { "_queue_SimpleQueue_put", "_queue_SimpleQueue_put_nowait", NULL } },
	{ QUEUE_TASK, { "_asyncio_Task___init__", NULL } },
	{ QUEUE_GET, { "_queue_SimpleQueue_get", "_queue_SimpleQueue_get_nowait", NULL } },
};

/* Is the place where a function of one of these names begins, behind an endbr64? */
static bool is_function(struct elf_file *file, uint64_t offset, const char *const names[])
{
	for (size_t i = 0; names[i]; i++) {
		struct elf_symbol symbol = { .name = names[i] };
		const struct elf_segment *segment;
		uint64_t at;

		if (!elf_file_find_symbols(file, ELF_SYMTAB, &symbol, 1))
			continue;
		segment = elf_file_segment(file, symbol.vaddr);
		at = segment->offset + symbol.vaddr - segment->vaddr;
		if (offset == at || offset == at + PROBE_INSN_LANDING_BYTES)
			return true;
	}
	return false;
}

static bool has_symbols(struct elf_file *file)
{
	struct elf_symbol symbol = { .name = "deque_append" },
			  other = { .name = "simplequeue_new" },
			  task = { .name = "_asyncio_Task___init__" };

	return elf_file_find_symbols(file, ELF_SYMTAB, &symbol, 1) ||
	       elf_file_find_symbols(file, ELF_SYMTAB, &other, 1) ||
	       elf_file_find_symbols(file, ELF_SYMTAB, &task, 1);
}

static void check_sites(int fd, const struct queue_plan *plan)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;

	assert_int_equal(elf_file_open(fd, &file), 0);
	for (size_t i = 0; has_symbols(file) && i < plan->nr_sites; i++)
		for (size_t f = 0; f < ARRAY_SIZE(functions); f++)
			if (functions[f].call == plan->sites[i].call)
				assert_true(is_function(file, plan->sites[i].offset,
							functions[f].names));
}

static size_t count_sites(const struct queue_plan *plan, uint32_t call)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->nr_sites; i++)
		count += plan->sites[i].call == call;
	return count;
}

/* Returns whether the file could be opened. */
static bool find(const char *path, struct queue_plan *ret)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	assert_int_equal(queue_plan_find(fd, ret), 0);
	check_sites(fd, ret);
	return true;
}

static void find_all(const char *pattern, void (*check)(const struct queue_plan *plan))
{
	_cleanup_(freep) char *home = xasprintf("%s/%s", getenv("HOME") ? getenv("HOME") : "",
						pattern);
	glob_t found;

	assert_false(glob(home, 0, NULL, &found) == GLOB_NOSPACE);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct queue_plan plan;

		print_message("%s\n", found.gl_pathv[i]);
		if (find(found.gl_pathv[i], &plan))
			check(&plan);
	}
	globfree(&found);
}

static void check_interpreter(const struct queue_plan *plan)
{
	assert_int_equal(count_sites(plan, QUEUE_APPEND), 1);
	assert_int_equal(count_sites(plan, QUEUE_POPLEFT), 1);
}

static void check_module(const struct queue_plan *plan)
{
	assert_int_equal(count_sites(plan, QUEUE_PUT), 2);
	assert_int_equal(count_sites(plan, QUEUE_GET), 2);
	assert_int_equal(plan->nr_sites, 4);
}

static void test_interpreters(void **state)
{
	struct queue_plan plan;

	(void)state;
	if (find("/usr/bin/python3.11", &plan))
		check_interpreter(&plan);
	find_all(".pyenv/versions/3.*/lib/libpython3.*.so.1.0", check_interpreter);
}

static void test_modules(void **state)
{
	(void)state;
	find_all(".pyenv/versions/3.*/lib/python3.*/lib-dynload/_queue.*.so", check_module);
}

static void check_tasks(const struct queue_plan *plan)
{
	assert_int_equal(count_sites(plan, QUEUE_TASK), 1);
	assert_int_equal(plan->nr_sites, 1);
}

static void test_tasks(void **state)
{
	(void)state;
	find_all(".pyenv/versions/3.*/lib/python3.*/lib-dynload/_asyncio.*.so", check_tasks);
}

/* No Python, and no ELF file. */
static void test_others(void **state)
{
	_cleanup_(closep) int fd = memfd_create("empty", MFD_CLOEXEC);
	struct queue_plan plan;

	(void)state;
	assert_true(find("/proc/self/exe", &plan));
	assert_int_equal(plan.nr_sites, 0);
	assert_true(queue_plan_find(fd, &plan) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interpreters),
		cmocka_unit_test(test_modules),
		cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
