/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes that may be a census, as an inspecting process that was taken over or a file has them. What
 * is read as one has no index that points nowhere, sums that do not overflow, and is written as
 * bytes that are read as the same again.
 */
#include "fuzz_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "census.h"
#include "memory.h"

static void expect(bool is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "fuzz_census: %s\n", what);
	abort();
}

static void check_text(const struct census *census, uint32_t id)
{
	expect(id < census->strings.count, "a text that there is not");
}

static void check_types(const struct census *census)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < census->nr_types; i++) {
		const struct census_type *type = &census->types[i];

		check_text(census, type->module);
		check_text(census, type->name);
		expect(!__builtin_add_overflow(sum, type->bytes + type->buffer_bytes, &sum) &&
			       sum <= INT64_MAX,
		       "bytes beyond all bounds");
	}
}

static void check_holders(const struct census *census)
{
	for (uint32_t i = 0; i < census->nr_holders; i++) {
		const struct census_holder *holder = &census->holders[i];

		check_text(census, holder->name);
		expect(holder->kind < NR_CENSUS_HOLDER_KINDS, "a kind that there is not");
		expect(holder->parent == CENSUS_NONE || holder->parent < i,
		       "a child before its parent");
	}
	for (uint32_t i = 0; i < census->nr_largest; i++) {
		const struct census_object *object = &census->largest[i];

		check_text(census, object->look);
		expect(object->type == CENSUS_NONE || object->type < census->nr_types,
		       "a type that there is not");
		expect(object->holder == CENSUS_NONE || object->holder < census->nr_holders,
		       "a holder that there is not");
	}
}

static void check_again(const struct census *census)
{
	struct packed_bytes first = { 0 }, second = { 0 };
	struct census again;

	census_write(census, &first);
	expect(!census_read(first.bytes, first.size, &again), "its own bytes are not read");
	census_write(&again, &second);
	expect(first.size == second.size && !memcmp(first.bytes, second.bytes, first.size),
	       "it changes when it is written");
	packed_bytes_free(&first);
	packed_bytes_free(&second);
	census_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct census census;

	if (census_read(bytes, size, &census))
		return 0;
	check_types(&census);
	check_holders(&census);
	check_again(&census);
	census_free(&census);
	return 0;
}

/* ---- Seeds ---- */

static void fill(struct census *census, unsigned int number)
{
	uint32_t name = string_pool_add(&census->strings, "CACHE");

	census->nr_types = census->nr_holders = census->nr_largest = number;
	census->types = xcalloc(number, sizeof(*census->types));
	census->holders = xcalloc(number, sizeof(*census->holders));
	census->largest = xcalloc(number, sizeof(*census->largest));
	for (uint32_t i = 0; i < number; i++) {
		census->types[i] = (struct census_type){ 0, name, i, 1ULL << i, i, i };
		census->holders[i] = (struct census_holder){
			.parent = i - 1,
			.kind = i % NR_CENSUS_HOLDER_KINDS,
			.name = name,
			.bytes = i,
		};
		census->largest[i] = (struct census_object){ .type = i, .address = i << 20 };
	}
}

uint8_t *fuzz_seed(unsigned int number, size_t *ret_size)
{
	struct census census = { .refused = number % 3 ? CENSUS_NONE : 0, .cut = number % 2 };
	struct packed_bytes bytes = { 0 };

	if (number >= 20)
		return NULL;
	string_pool_init(&census.strings);
	fill(&census, number);
	census_write(&census, &bytes);
	census_free(&census);
	*ret_size = bytes.size;
	return bytes.bytes;
}
