/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading what a process has says what is there, and leaves it as it was. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

/* ---- Pages of files ---- */

#define FILE_PAGES 3UL
#define TAIL_BYTES 100UL /* of its last page */
#define WRITTEN 0xa5

/* Each byte of the file says on which page it is. A page more than the file has is mapped. */
static uint8_t *map_file(int fd, int flags)
{
	uint8_t *start = mmap(NULL, (FILE_PAGES + 1) * PAGE_BYTES, PROT_READ | PROT_WRITE, flags,
			      fd, 0);

	assert_true(start != MAP_FAILED);
	madvise(start, (FILE_PAGES + 1) * PAGE_BYTES, MADV_RANDOM); /* none comes with another */
	return start;
}

static int make_file(void)
{
	char path[] = "/tmp/memprobe_test.XXXXXX";
	uint8_t page[PAGE_BYTES];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	for (size_t i = 0; i < FILE_PAGES; i++) {
		size_t bytes = i + 1 < FILE_PAGES ? PAGE_BYTES : TAIL_BYTES;

		memset(page, PATTERN + (int)i, sizeof(page));
		assert_int_equal(write(fd, page, bytes), bytes);
	}
	unlink(path);
	return fd;
}

static unsigned long rss_of(pid_t pid, const uint8_t *start)
{
	unsigned long seen, kb = 0;
	char path[64], line[256];
	bool is_it = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%*x ", &seen) == 1)
			is_it = seen == (uintptr_t)start;
		if (is_it)
			sscanf(line, "Rss: %lu kB", &kb);
	}
	fclose(file);
	return kb;
}

static uint8_t byte_at(struct process_memory *memory, const uint8_t *start, size_t at)
{
	uint8_t byte = 0;

	assert_int_equal(process_memory_read(memory, (uintptr_t)start + at, &byte, 1), 0);
	return byte;
}

/* Who has read and written a private mapping's pages has them, who was forked before has none, and
 * what the file has; a deleted file's, too. Looking leaves it so. */
static void test_absent_pages_of_a_file(void **state)
{
	int fd = make_file();
	uint8_t *start = map_file(fd, MAP_PRIVATE), bytes[2];
	uint64_t address = (uintptr_t)start, end = address + FILE_PAGES * PAGE_BYTES;
	struct process_memory memory;
	pid_t pid = begin_process();

	assert_int_equal(process_memory_open(&memory, pid), 0);
	for (size_t i = 0; i < FILE_PAGES; i++)
		assert_int_equal(byte_at(&memory, start, i * PAGE_BYTES), PATTERN + i);
	assert_int_equal(process_memory_read(&memory, address + PAGE_BYTES - 1, bytes, 2), 0);
	assert_int_equal(bytes[0], PATTERN);
	assert_int_equal(bytes[1], PATTERN + 1);
	assert_int_equal(byte_at(&memory, start, end - address - 1), 0); /* behind its end */
	assert_int_equal(process_memory_read(&memory, end - 1, bytes, 2), -ENODATA);
	assert_int_equal(process_memory_read_absent(&memory, end, bytes, 1), -ENXIO);
	assert_int_equal(rss_of(pid, start), 0);
	process_memory_close(&memory);
	end_process(pid);
	munmap(start, (FILE_PAGES + 1) * PAGE_BYTES);
	close(fd);
}

/* What was written to is not what the file has; a part that is, is read with it. */
static void test_written_pages_of_a_file(void **state)
{
	int fd = make_file();
	uint8_t *start = map_file(fd, MAP_PRIVATE), bytes[2];
	struct process_memory memory;
	pid_t pid;

	start[PAGE_BYTES] = WRITTEN;
	pid = begin_process();
	assert_int_equal(process_memory_open(&memory, pid), 0);
	assert_int_equal(process_memory_read(&memory, (uintptr_t)start + PAGE_BYTES - 1, bytes, 2),
			 0);
	assert_int_equal(bytes[0], PATTERN);
	assert_int_equal(bytes[1], WRITTEN);
	assert_int_equal(byte_at(&memory, start, PAGE_BYTES + 1), PATTERN + 1);
	process_memory_close(&memory);
	end_process(pid);
	munmap(start, (FILE_PAGES + 1) * PAGE_BYTES);
	close(fd);
}

/* A shared mapping is no file of a program's, and may be a device's or another's. */
static void test_absent_pages_of_others(void **state)
{
	int fd = make_file();
	uint8_t *shared = map_file(fd, MAP_SHARED), *closed = map_file(fd, MAP_PRIVATE), byte;
	struct process_memory memory;
	pid_t pid;

	mprotect(closed, PAGE_BYTES, PROT_NONE);
	pid = begin_process();
	assert_int_equal(process_memory_open(&memory, pid), 0);
	assert_int_equal(process_memory_read(&memory, (uintptr_t)shared, &byte, 1), -ENODATA);
	assert_int_equal(process_memory_read(&memory, (uintptr_t)closed, &byte, 1), -ENODATA);
	assert_int_equal(byte_at(&memory, closed, PAGE_BYTES), PATTERN + 1);
	process_memory_close(&memory);
	end_process(pid);
	munmap(shared, (FILE_PAGES + 1) * PAGE_BYTES);
	munmap(closed, (FILE_PAGES + 1) * PAGE_BYTES);
	close(fd);
}

/* Who forgets looks again at what is mapped. Of ourselves. */
static void test_mapping_that_is_replaced(void **state)
{
	int fd = make_file(), other = make_file();
	uint8_t *start = map_file(fd, MAP_PRIVATE), byte;
	struct process_memory memory;

	assert_int_equal(pwrite(other, "", 1, 0), 1);
	assert_int_equal(process_memory_open(&memory, getpid()), 0);
	assert_int_equal(byte_at(&memory, start, 0), PATTERN);
	process_memory_forget(&memory);
	mmap(start, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_FIXED, other, 0);
	assert_int_equal(byte_at(&memory, start, 0), 0);
	process_memory_forget(&memory);
	mmap(start, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(process_memory_read(&memory, (uintptr_t)start, &byte, 1), -ENODATA);
	process_memory_close(&memory);
	munmap(start, (FILE_PAGES + 1) * PAGE_BYTES);
	close(fd);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_shared_pages_stay_shared),
		cmocka_unit_test(test_process_that_has_ended),
		cmocka_unit_test(test_absent_pages_of_a_file),
		cmocka_unit_test(test_written_pages_of_a_file),
		cmocka_unit_test(test_absent_pages_of_others),
		cmocka_unit_test(test_mapping_that_is_replaced),
	};

	return cmocka_run_group_tests_name("process_memory", tests, map_pages, NULL);
}
