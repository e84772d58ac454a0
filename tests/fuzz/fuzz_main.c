/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzing without libFuzzer: mutates a target's seeds, blindly, for a time or a number of rounds.
 *
 *     fuzz_X [--seconds=N] [--rounds=N] [--seed=N]     mutate
 *     fuzz_X --write=DIRECTORY                         write the seeds, for libFuzzer
 *     fuzz_X FILE...                                   play these inputs
 */
#include "fuzz_target.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dump_fixture.h"
#include "memory.h"

#define MAX_SEEDS 64
#define MAX_INPUT_BYTES 65536
#define MAX_MUTATIONS 6

struct input {
	uint8_t *bytes;
	size_t size;
};

struct run {
	struct input seeds[MAX_SEEDS];
	unsigned int nr_seeds;
	uint64_t seconds, rounds, seed, state;
};

static uint64_t below(struct run *run, uint64_t limit)
{
	return limit ? dump_fixture_below(&run->state, limit) : 0;
}

static void load_seeds(struct run *run)
{
	for (; run->nr_seeds < MAX_SEEDS; run->nr_seeds++) {
		struct input *input = &run->seeds[run->nr_seeds];

		input->bytes = fuzz_seed(run->nr_seeds, &input->size);
		if (!input->bytes)
			break;
	}
}

static void free_seeds(struct run *run)
{
	for (unsigned int i = 0; i < run->nr_seeds; i++)
		free(run->seeds[i].bytes);
}

/* A run of bytes goes, or is put once more somewhere else. */
static size_t move_part(struct run *run, uint8_t *bytes, size_t size)
{
	size_t from = below(run, size), length = 1 + below(run, 16), to;

	if (length > size - from)
		length = size - from;
	if (below(run, 2)) {
		memmove(bytes + from, bytes + from + length, size - from - length);
		return size - length;
	}
	if (size + length > MAX_INPUT_BYTES)
		return size;
	to = from + below(run, size - from);
	memmove(bytes + to + length, bytes + to, size - to);
	memmove(bytes + to, bytes + from, length);
	return size + length;
}

static void put_extreme(struct run *run, uint8_t *bytes, size_t size)
{
	static const uint8_t extremes[][10] = {
		{ 0 },
		{ 0xff, 0xff, 0xff, 0xff, 0x0f },
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 },
		{ 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10 },
		{ 0x7f },
		{ 0xff, 0x7f },
	};
	const uint8_t *extreme = extremes[below(run, ARRAY_SIZE(extremes))];
	size_t at = below(run, size), length = 1;

	while (length < sizeof(extremes[0]) && extreme[length])
		length++;
	memcpy(bytes + at, extreme, length < size - at ? length : size - at);
}

static size_t mutate(struct run *run, uint8_t *bytes, size_t size)
{
	switch (size ? below(run, 6) : 0) {
	case 0:
		bytes[size] = (uint8_t)below(run, 256);
		return size + 1;
	case 1:
		bytes[below(run, size)] ^= (uint8_t)(1U << below(run, 8));
		return size;
	case 2:
		bytes[below(run, size)] = (uint8_t)below(run, 256);
		return size;
	case 3:
		bytes[below(run, size)] += (uint8_t)(below(run, 2) ? 1 : -1);
		return size;
	case 4:
		put_extreme(run, bytes, size);
		return size;
	default:
		return move_part(run, bytes, size);
	}
}

static void play_mutation(struct run *run)
{
	const struct input *seed = &run->seeds[below(run, run->nr_seeds)];
	_cleanup_(freep) uint8_t *bytes = xmalloc(MAX_INPUT_BYTES + MAX_MUTATIONS + 1);
	_cleanup_(freep) uint8_t *exact = NULL;
	uint64_t mutations = 1 + below(run, MAX_MUTATIONS);
	size_t size = seed->size < MAX_INPUT_BYTES ? seed->size : MAX_INPUT_BYTES;

	memcpy(bytes, seed->bytes, size);
	for (uint64_t i = 0; i < mutations; i++)
		size = mutate(run, bytes, size);
	exact = xmemdup(bytes, size); /* so that a sanitizer sees the end */
	LLVMFuzzerTestOneInput(exact, size);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int fuzz(struct run *run)
{
	double end = now() + (double)run->seconds;
	uint64_t round = 0;

	printf("seed %" PRIu64 ", %u seeds\n", run->seed, run->nr_seeds);
	fflush(stdout);
	for (unsigned int i = 0; i < run->nr_seeds; i++)
		LLVMFuzzerTestOneInput(run->seeds[i].bytes, run->seeds[i].size);
	for (; (!run->rounds || round < run->rounds) && now() < end; round++) {
		run->state = run->seed + round;
		play_mutation(run);
	}
	printf("%" PRIu64 " rounds\n", round);
	return EXIT_SUCCESS;
}

static int write_seeds(const struct run *run, const char *directory)
{
	for (unsigned int i = 0; i < run->nr_seeds; i++) {
		_cleanup_(freep) char *path = xasprintf("%s/seed-%u", directory, i);

		dump_fixture_store(path, run->seeds[i].bytes, run->seeds[i].size);
	}
	return EXIT_SUCCESS;
}

static int play_file(const char *path)
{
	_cleanup_(packed_bytes_free) struct packed_bytes file = dump_fixture_load(path);

	return LLVMFuzzerTestOneInput(file.bytes, file.size);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 'n' },
		{ "write", required_argument, NULL, 'w' },
		{ 0 },
	};
	struct run run = { .seconds = 60, .seed = (uint64_t)time(NULL) };
	const char *directory = NULL;
	int option, err = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			run.seconds = strtoull(optarg, NULL, 0);
		else if (option == 'r')
			run.rounds = strtoull(optarg, NULL, 0);
		else if (option == 'n')
			run.seed = strtoull(optarg, NULL, 0);
		else if (option == 'w')
			directory = optarg;
		else
			return 2;
	}
	for (int i = optind; i < argc; i++)
		err |= play_file(argv[i]);
	if (optind < argc)
		return err;
	load_seeds(&run);
	err = directory ? write_seeds(&run, directory) : fuzz(&run);
	free_seeds(&run);
	return err;
}
