/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading what a process has says what is there, and leaves it as it was. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "process_memory.h"

#define PAGE_BYTES 4096UL
#define NR_PAGES 1024UL
#define PATTERN 0x5a

static uint8_t *pages;

static pid_t begin_process(void)
{
	pid_t pid = fork();

	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!pid)
		pause();
	return pid;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int map_pages(void **state)
{
	pages = mmap(NULL, NR_PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(pages, NR_PAGES * PAGE_BYTES, MADV_NOHUGEPAGE);
	/* The last one is nowhere. */
	memset(pages, PATTERN, (NR_PAGES - 1) * PAGE_BYTES);
	return pages == MAP_FAILED;
}

/* What only this process has of `pages`. */
static unsigned long private_kb(pid_t pid)
{
	char path[64], line[256];
	unsigned long start, bytes, sum = 0;
	bool is_ours = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%*x ", &start) == 1)
			is_ours = start == (uintptr_t)pages;
		if (is_ours && sscanf(line, "Private_%*[a-zA-Z]: %lu kB", &bytes) == 1)
			sum += bytes;
	}
	fclose(file);
	return sum;
}

static void test_read(void **state)
{
	pid_t pid = begin_process();
	struct process_memory memory;
	uint8_t bytes[PAGE_BYTES];
	uint64_t address = (uintptr_t)pages, last = address + (NR_PAGES - 1) * PAGE_BYTES;

	assert_int_equal(process_memory_open(&memory, pid), 0);
	assert_int_equal(process_memory_read(&memory, address + 100, bytes, sizeof(bytes)), 0);
	assert_int_equal(bytes[0], PATTERN);
	assert_int_equal(bytes[PAGE_BYTES - 1], PATTERN);
	assert_int_equal(process_memory_read(&memory, last - 1, bytes, 2), -ENODATA);
	assert_int_equal(process_memory_read(&memory, 0, bytes, 1), -ENODATA);
	assert_int_equal(process_memory_read(&memory, UINT64_MAX - 1, bytes, 4), -EFAULT);
	assert_int_equal(process_memory_fetch(&memory, 0, bytes, 1), -EFAULT);
	assert_true(process_memory_is_there(&memory));
	end_process(pid);
	assert_false(process_memory_is_there(&memory));
	assert_true(process_memory_fetch(&memory, address, bytes, 1) < 0);
	process_memory_close(&memory);
	assert_int_equal(process_memory_open(&memory, pid), -ESRCH);
}

/* A page that is shared since a fork stays shared. */
static void test_shared_pages_stay_shared(void **state)
{
	pid_t pid = begin_process();
	struct process_memory memory;
	uint8_t bytes[PAGE_BYTES];

	assert_int_equal(private_kb(pid), 0);
	assert_int_equal(process_memory_open(&memory, pid), 0);
	for (uint64_t i = 0; i < NR_PAGES - 1; i++)
		assert_int_equal(process_memory_read(&memory, (uintptr_t)pages + i * PAGE_BYTES,
						     bytes, sizeof(bytes)),
				 0);
	assert_int_equal(private_kb(pid), 0);
	process_memory_close(&memory);
	end_process(pid);
}

/* It has no memory, but still a directory in /proc. */
static void test_process_that_has_ended(void **state)
{
	pid_t pid = begin_process();
	struct process_memory memory;
	siginfo_t info;

	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	assert_int_equal(process_memory_open(&memory, pid), -ESRCH);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_shared_pages_stay_shared),
		cmocka_unit_test(test_process_that_has_ended),
	};

	return cmocka_run_group_tests_name("process_memory", tests, map_pages, NULL);
}
