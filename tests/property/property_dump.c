/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever a profile went through between its flushes, what is read is what was written.
 * `property_dump [SEED [ROUNDS]]`; without a seed a new one, which is printed.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "dump.h"
#include "dump_fixture.h"
#include "memory.h"

#define ROUNDS 200
#define MAX_FLUSHES 12

static int expect(const char *path, const struct profile *profile, bool is_complete)
{
	_cleanup_(profile_freep) struct profile *got = NULL;
	_cleanup_(freep) char *difference = NULL;
	struct dump_error error;
	char text[DUMP_ERROR_TEXT_BYTES];

	if (dump_read(path, &got, &error)) {
		dump_error_text(&error, text);
		fprintf(stderr, "cannot read: %s\n", text);
		return -1;
	}
	difference = dump_fixture_difference(profile, got);
	if (difference)
		fprintf(stderr, "differs in %s\n", difference);
	if (got->meta.is_complete != is_complete)
		fprintf(stderr, "complete: %d\n", got->meta.is_complete);
	return difference || got->meta.is_complete != is_complete ? -1 : 0;
}

static int flush_some(struct dump_writer *writer, const char *path, struct profile *profile,
		      uint64_t *state)
{
	uint64_t flushes = dump_fixture_below(state, MAX_FLUSHES);
	int err = 0;

	for (uint64_t i = 0; !err && i < flushes; i++) {
		dump_fixture_grow(profile, state, (unsigned int)dump_fixture_below(state, 400));
		err = dump_flush(writer, profile);
		if (!err)
			err = expect(path, profile, false);
	}
	return err;
}

static int play(const char *path, uint64_t *state)
{
	_cleanup_(profile_freep) struct profile *profile = profile_new();
	struct dump_create options = { .path = path, .uid = geteuid(), .gid = getegid() };
	struct dump_writer *writer;
	int err = dump_create(&options, &writer);

	if (err)
		return err;
	err = flush_some(writer, path, profile, state);
	if (err) {
		dump_abandon(writer);
		return err;
	}
	dump_fixture_grow(profile, state, (unsigned int)dump_fixture_below(state, 100));
	err = dump_close(writer, profile);
	return err ? err : expect(path, profile, true);
}

int main(int argc, char **argv)
{
	char *directory = dump_fixture_directory();
	_cleanup_(freep) char *path = xasprintf("%s/dump", directory);
	uint64_t seed = (uint64_t)getpid();
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : ROUNDS, round = 0;
	int err = 0;

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) < 0)
		return EXIT_FAILURE;
	printf("seed %#" PRIx64 ", %lu rounds\n", seed, rounds);
	for (; !err && round < rounds; round++) {
		uint64_t state = seed + round;

		err = play(path, &state);
		unlink(path);
	}
	dump_fixture_remove(directory);
	if (err)
		printf("failed with %d in round %lu: property_dump %#" PRIx64 " 1\n", err,
		       round - 1, seed + round - 1);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
