/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The census under damaged memory. An input is a version, the seed of a small Python to begin with,
 * and what is then put into it: pairs of an offset (4 bytes) and a word of 8 bytes, of which those
 * below the memory's size are taken as places in it. Whatever that makes, a census must end in
 * time, add up, and be written and read again.
 */
#include "fuzz_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "census_fixture.h"
#include "census_take.h"
#include "clock.h"
#include "memory.h"

#define HEAD_BYTES 2
#define PATCH_BYTES 12
#define DEADLINE_NS 200000000ULL
#define TABLE_BYTES (8ULL << 20)
#define NR_SEEDS 40

static void expect(bool is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "fuzz_census_take: %s\n", what);
	abort();
}

static void damage(struct census_fixture *fixture, const uint8_t *bytes, size_t size)
{
	for (; size >= PATCH_BYTES; bytes += PATCH_BYTES, size -= PATCH_BYTES) {
		uint32_t place;
		uint64_t value;

		memcpy(&place, bytes, sizeof(place));
		memcpy(&value, bytes + sizeof(place), sizeof(value));
		if (value < CENSUS_FIXTURE_BYTES && value > 65536)
			value += CENSUS_FIXTURE_BASE;
		census_fixture_put(fixture, CENSUS_FIXTURE_BASE + place % fixture->used, value);
	}
}

static void check_holders(const struct census *census)
{
	uint64_t bytes = 0, objects = 0;

	for (uint32_t i = 0; i < census->nr_holders; i++) {
		const struct census_holder *holder = &census->holders[i];

		expect(holder->parent == CENSUS_NONE || holder->parent < i, "a child first");
		expect(holder->kind < NR_CENSUS_HOLDER_KINDS, "a kind that there is not");
		if (holder->parent == CENSUS_NONE) {
			bytes += holder->bytes;
			objects += holder->objects;
		} else {
			expect(holder->bytes <= census->holders[holder->parent].bytes,
			       "more than its parent");
		}
	}
	expect(bytes == census->bytes + census->buffer_bytes, "holders do not add up");
	expect(objects <= census->objects, "more objects in holders");
}

static void check_types(const struct census *census)
{
	uint64_t objects = 0, bytes = 0, tracked = 0;

	for (uint32_t i = 0; i < census->nr_types; i++) {
		objects += census->types[i].objects;
		bytes += census->types[i].bytes + census->types[i].buffer_bytes;
		tracked += census->types[i].tracked;
	}
	expect(objects == census->objects, "types do not add up");
	expect(bytes == census->bytes + census->buffer_bytes, "bytes of types do not add up");
	expect(tracked <= census->tracked, "more tracked than there are");
	/* Ten parts of an object can each be as large as all that there is. */
	expect(bytes <= census->objects * CENSUS_FIXTURE_BYTES * 10, "more than there is memory");
	for (uint32_t i = 0; i < census->nr_largest; i++)
		expect(census->largest[i].holder == CENSUS_NONE ||
			       census->largest[i].holder < census->nr_holders,
		       "a holder that there is not");
}

static void check_written(const struct census *census)
{
	struct packed_bytes bytes = { 0 };
	struct census read;

	census_write(census, &bytes);
	expect(bytes.size <= CENSUS_MAX_WRITTEN, "written too long");
	expect(!census_read(bytes.bytes, bytes.size, &read), "it cannot be read again");
	census_free(&read);
	packed_bytes_free(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct census_fixture fixture;
	struct census census;

	if (size < HEAD_BYTES)
		return 0;
	census_fixture_init(&fixture,
			    CENSUS_FIXTURE_FIRST_MINOR + bytes[0] % CENSUS_FIXTURE_NR_VERSIONS,
			    bytes[1]);
	damage(&fixture, bytes + HEAD_BYTES, size - HEAD_BYTES);
	heap_memory_set_deadline(fixture.target.heap, clock_ns() + DEADLINE_NS);
	census_take_open(&fixture.target, TABLE_BYTES, &census);
	check_types(&census);
	check_holders(&census);
	check_written(&census);
	census_free(&census);
	census_fixture_clear(&fixture);
	return 0;
}

/* Of each version, plain, with drawn references, and with words put over them. */
uint8_t *fuzz_seed(unsigned int number, size_t *ret_size)
{
	size_t patches = number / CENSUS_FIXTURE_NR_VERSIONS * 8;
	uint8_t *input;

	if (number >= NR_SEEDS)
		return NULL;
	*ret_size = HEAD_BYTES + patches * PATCH_BYTES;
	input = xcalloc(1, *ret_size + 1);
	input[0] = (uint8_t)number;
	input[1] = (uint8_t)(number / CENSUS_FIXTURE_NR_VERSIONS * 13);
	for (size_t i = 0; i < patches; i++) {
		uint32_t place = (uint32_t)(17000 + i * 4097 * number);
		uint64_t value = 70000 + i * 16 * number;

		memcpy(input + HEAD_BYTES + i * PATCH_BYTES, &place, sizeof(place));
		memcpy(input + HEAD_BYTES + i * PATCH_BYTES + sizeof(place), &value, sizeof(value));
	}
	return input;
}
