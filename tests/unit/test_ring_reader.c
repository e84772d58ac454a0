/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records are read once and in order, over the end of the ring and over the end of what is mapped
 * at a time; one that is being written is waited for, one that was given up is passed over. The
 * ring is a file in memory of the same form: positions, data, data once more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/bpf.h>

#include "memory.h"
#include "ring_reader.h"

#define PAGE 4096
#define RING (1 << 20)
#define FILE_BYTES (2 * PAGE + 2 * RING)
#define LONGEST 20000

static struct {
	int fd;
	uint8_t *file;
	struct ring_reader *reader;
	uint64_t next; /* number that the next record must have */
	uint64_t sent;
	size_t mapped; /* the most that was seen */
} ring;

static uint64_t *position(size_t page)
{
	return (uint64_t *)(ring.file + page * PAGE);
}

/* Both copies of the data are one memory in the kernel. */
static void put(uint64_t at, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		size_t place = (at + i) & (RING - 1);

		ring.file[2 * PAGE + place] = ((const uint8_t *)bytes)[i];
		ring.file[2 * PAGE + RING + place] = ((const uint8_t *)bytes)[i];
	}
}

static size_t size_of(uint64_t number)
{
	return 8 + number * 7919 % (LONGEST - 8);
}

/* A record with its number and a byte that follows from it; `flags` of its length. */
static void send(uint64_t number, uint32_t flags)
{
	size_t size = size_of(number);
	_cleanup_(freep) uint8_t *bytes = xmalloc(size);
	uint64_t head = size | flags, at = *position(1);

	memset(bytes, (int)(number & 0xff), size);
	memcpy(bytes, &number, sizeof(number));
	put(at, &head, sizeof(head));
	put(at + sizeof(head), bytes, size);
	*position(1) = at + ((sizeof(head) + size + 7) & ~7ULL);
}

static size_t mapped_bytes(void)
{
	size_t bytes = 0;
	unsigned long begin, end;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "memfd:ring") && sscanf(line, "%lx-%lx", &begin, &end) == 2)
			bytes += end - begin;
	fclose(maps);
	return bytes - FILE_BYTES; /* without our own */
}

static void take(void *context, const void *record, size_t size)
{
	const uint8_t *bytes = record;
	uint64_t number;

	assert_ptr_equal(context, &ring);
	memcpy(&number, bytes, sizeof(number));
	assert_int_equal(number, ring.next);
	assert_int_equal(size, size_of(number));
	for (size_t i = sizeof(number); i < size; i++)
		assert_int_equal(bytes[i], number & 0xff);
	ring.next++;
	if (number % 64 == 0 && mapped_bytes() > ring.mapped)
		ring.mapped = mapped_bytes();
}

static void read_all(void)
{
	assert_int_equal(ring_reader_read(ring.reader, take, &ring), 0);
}

static int open_ring(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	ring.fd = memfd_create("ring", MFD_CLOEXEC);
	assert_int_equal(ftruncate(ring.fd, FILE_BYTES), 0);
	ring.file = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, 0);
	assert_ptr_not_equal(ring.file, MAP_FAILED);
	return ring_reader_new(ring.fd, RING, &ring.reader);
}

static int close_ring(void **state)
{
	(void)state;
	ring_reader_free(ring.reader);
	munmap(ring.file, FILE_BYTES);
	close(ring.fd);
	return 0;
}

/* Rings full of records of all lengths, some at a time. */
static void test_many(void **state)
{
	(void)state;
	for (uint64_t number = 0; number < 3000;) {
		for (int i = 0; i < 90 && *position(1) - *position(0) < RING - 2 * LONGEST; i++)
			send(number++, 0);
		read_all();
		assert_int_equal(ring.next, number);
		assert_int_equal(*position(0), *position(1));
	}
	assert_int_equal(mapped_bytes(), 2 * PAGE);
	assert_in_range(ring.mapped, 3 * PAGE, (256 << 10) + 2 * PAGE);
}

static void test_empty(void **state)
{
	(void)state;
	read_all();
	assert_int_equal(ring.next, 0);
}

static void test_being_written(void **state)
{
	uint64_t at, head;

	(void)state;
	send(0, 0);
	at = *position(1);
	send(1, BPF_RINGBUF_BUSY_BIT);
	send(2, 0);
	read_all();
	assert_int_equal(ring.next, 1);
	assert_int_equal(*position(0), at);
	head = size_of(1);
	put(at, &head, sizeof(head));
	read_all();
	assert_int_equal(ring.next, 3);
}

static void test_given_up(void **state)
{
	(void)state;
	send(0, 0);
	send(7, BPF_RINGBUF_DISCARD_BIT);
	send(1, 0);
	read_all();
	assert_int_equal(ring.next, 2);
}

#define RING_TEST(name) cmocka_unit_test_setup_teardown(name, open_ring, close_ring)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RING_TEST(test_many),
		RING_TEST(test_empty),
		RING_TEST(test_being_written),
		RING_TEST(test_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
