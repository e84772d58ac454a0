/* SPDX-License-Identifier: BSD-2-Clause */
/* What is read is what was written, in however many flushes; tests/property/property_dump.c does
 * the same with random profiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dump.h"
#include "dump_fixture.h"
#include "dump_format.h"
#include "memory.h"
#include "profile_held.h"

struct scratch {
	char *directory, *path;
	struct dump_writer *writer;
	struct profile *profile;
};

static int set_up(void **state)
{
	struct scratch *scratch = xcalloc(1, sizeof(*scratch));
	struct dump_create options = { .uid = geteuid(), .gid = getegid() };

	scratch->directory = dump_fixture_directory();
	options.path = scratch->path = xasprintf("%s/dump", scratch->directory);
	scratch->profile = profile_new();
	*state = scratch;
	return dump_create(&options, &scratch->writer);
}

static int tear_down(void **state)
{
	struct scratch *scratch = *state;

	dump_abandon(scratch->writer);
	profile_free(scratch->profile);
	dump_fixture_remove(scratch->directory);
	free(scratch->path);
	free(scratch);
	return 0;
}

static void assert_holds(const struct scratch *scratch, bool is_complete)
{
	struct profile *got = NULL;
	struct dump_error error = { 0 };
	char *difference;

	assert_int_equal(dump_read(scratch->path, &got, &error), 0);
	difference = dump_fixture_difference(scratch->profile, got);
	if (difference)
		fail_msg("%s", difference);
	assert_int_equal(got->meta.is_complete, is_complete);
	profile_free(got);
}

static void flush(struct scratch *scratch)
{
	assert_int_equal(dump_flush(scratch->writer, scratch->profile), 0);
	assert_holds(scratch, false);
}

static void finish(struct scratch *scratch)
{
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_holds(scratch, true);
	assert_int_equal(dump_fixture_count(scratch->directory), 1);
}

static void replace_profile(struct scratch *scratch, struct profile *profile)
{
	profile_free(scratch->profile);
	scratch->profile = profile;
}

static uint64_t size_of(const struct scratch *scratch)
{
	struct stat status;

	assert_int_equal(stat(scratch->path, &status), 0);
	return (uint64_t)status.st_size;
}

static void nothing_flushed_is_empty(void **state)
{
	struct scratch *scratch = *state;

	assert_holds(scratch, false);
	dump_abandon(TAKE(scratch->writer));
	assert_holds(scratch, false);
}

static void empty(void **state)
{
	finish(*state);
}

static void by_hand_at_once(void **state)
{
	replace_profile(*state, dump_fixture_profile());
	finish(*state);
}

static void by_hand_flushed_before(void **state)
{
	replace_profile(*state, dump_fixture_profile());
	flush(*state);
	flush(*state);
	finish(*state);
}

static void flush_clears_dirty_marks(void **state)
{
	struct scratch *scratch = *state;

	replace_profile(scratch, dump_fixture_profile());
	assert_true(scratch->profile->nodes[1].has_changed);
	flush(scratch);
	for (size_t i = 0; i < scratch->profile->nr_nodes; i++)
		assert_false(scratch->profile->nodes[i].has_changed);
	for (size_t i = 0; i < scratch->profile->nr_processes; i++)
		assert_false(scratch->profile->processes[i].is_dirty);
}

static void abandoned_stays_incomplete(void **state)
{
	struct scratch *scratch = *state;

	replace_profile(scratch, dump_fixture_profile());
	flush(scratch);
	dump_abandon(TAKE(scratch->writer));
	assert_holds(scratch, false);
}

static void finished_as_incomplete(void **state)
{
	struct scratch *scratch = *state;

	replace_profile(scratch, dump_fixture_profile());
	assert_int_equal(dump_finish_incomplete(scratch->writer, scratch->profile), 0);
	dump_abandon(TAKE(scratch->writer));
	assert_holds(scratch, false);
	assert_int_equal(dump_fixture_count(scratch->directory), 1);
}

/* The same profile in many flushes and in one reads the same. */
static void many_flushes_are_one(void **state)
{
	struct scratch *scratch = *state, *other = NULL;
	uint64_t seed = 7;

	for (int i = 0; i < 50; i++) {
		dump_fixture_grow(scratch->profile, &seed, 100);
		flush(scratch);
	}
	finish(scratch);
	assert_int_equal(set_up((void **)&other), 0);
	assert_int_equal(dump_close(TAKE(other->writer), scratch->profile), 0);
	replace_profile(other, TAKE(scratch->profile));
	assert_holds(other, true);
	tear_down((void **)&other);
}

static void flushes_grow_by_what_changed(void **state)
{
	struct scratch *scratch = *state;
	uint64_t seed = 8, before;

	dump_fixture_grow(scratch->profile, &seed, 50000);
	flush(scratch);
	before = size_of(scratch);
	assert_true(before > 100000);
	flush(scratch);
	assert_true(size_of(scratch) < before + 64);
	before = size_of(scratch);
	profile_add_cost(scratch->profile, 5,
			 &(struct cost){ .grown = { 4096 }, .released = { 0 } });
	flush(scratch);
	assert_true(size_of(scratch) < before + 128);
}

/* What a flush adds to the file. */
static uint64_t flushed_bytes(struct scratch *scratch)
{
	uint64_t before = size_of(scratch);

	flush(scratch);
	return size_of(scratch) - before;
}

/* Where calls are counted most nodes change in nothing else; and the other way round. */
static void calls_and_costs_are_written_apart(void **state)
{
	struct scratch *scratch = *state;
	struct cost cost = { .grown = { 1LL << 50, 1LL << 51, 1LL << 52, 1LL << 53 } };
	uint32_t process = profile_add_process(scratch->profile);
	uint64_t idle;

	profile_add_site(scratch->profile, &(struct site){ .kind = SITE_PYTHON });
	profile_add_node(scratch->profile, process, NO_NODE, 0, 0);
	profile_add_cost(scratch->profile, 0, &cost);
	profile_add_calls(scratch->profile, 0, 1ULL << 50);
	flush(scratch);
	idle = flushed_bytes(scratch);
	profile_add_calls(scratch->profile, 0, 1);
	assert_int_equal(flushed_bytes(scratch), idle + 12); /* tag, length, node, count, calls */
	profile_add_cost(scratch->profile, 0,
			 &(struct cost){ .grown = { 0, 1 }, .released = { 0 } });
	assert_int_equal(flushed_bytes(scratch), idle + 36); /* tag, length, node, mask, cost */
	profile_add_cost(scratch->profile, 0, &(struct cost){ .grown = { 0 }, .released = { 0 } });
	assert_int_equal(flushed_bytes(scratch), idle);
	finish(scratch);
}

static void dead_blocks_are_compacted(void **state)
{
	struct scratch *scratch = *state;
	uint64_t seed = 9, largest = 0, rewrites = 0;
	struct cost cost = { .grown = { 123456789012, 0, 4096, 0 },
			     .released = { 0, 987654321098, 0, 0 } };

	dump_fixture_grow(scratch->profile, &seed, 5000);
	for (int i = 0; i < 300; i++) {
		uint64_t before = size_of(scratch);

		for (uint32_t node = 0; node < scratch->profile->nr_nodes; node++)
			profile_add_cost(scratch->profile, node, &cost);
		assert_int_equal(dump_flush(scratch->writer, scratch->profile), 0);
		rewrites += size_of(scratch) < before;
		largest = size_of(scratch) > largest ? size_of(scratch) : largest;
	}
	assert_holds(scratch, false);
	assert_int_equal(dump_fixture_count(scratch->directory), 1);
	assert_true(rewrites > 2);
	finish(scratch);
	assert_true(largest < 4 * size_of(scratch));
}

/* A long quiet run: nearly nothing is alive, and the file stays small. */
static void quiet_runs_stay_small(void **state)
{
	struct scratch *scratch = *state;

	replace_profile(scratch, dump_fixture_profile());
	for (int i = 0; i < 20000; i++) {
		scratch->profile->meta.duration_ns += 1000000000;
		assert_int_equal(dump_flush(scratch->writer, scratch->profile), 0);
	}
	assert_true(size_of(scratch) < 200000);
	finish(scratch);
}

static void thinned_samples_are_replaced(void **state)
{
	struct scratch *scratch = *state;
	uint32_t process = profile_add_process(scratch->profile);

	for (uint64_t i = 0; i < 5 * MAX_SAMPLES; i++) {
		profile_add_sample(scratch->profile, process, i * 1000, (int64_t)(i % 77) * 4096);
		if (i % 700 == 0)
			flush(scratch);
	}
	assert_true(scratch->profile->processes[process].nr_thinnings > 1);
	finish(scratch);
}

/* Older versions kept more, and their files say so in one run of samples. */
static void more_samples_than_are_kept_today(void **state)
{
	struct scratch *scratch = *state;
	uint32_t index = profile_add_process(scratch->profile);
	struct process *process = &scratch->profile->processes[index];

	for (uint64_t i = 0; i < MAX_READ_SAMPLES; i++)
		profile_append_sample(process, (struct sample){ i, (int64_t)i * 4096 });
	finish(scratch);
}

static void more_samples_than_are_read(void **state)
{
	struct scratch *scratch = *state;
	uint32_t index = profile_add_process(scratch->profile);
	struct process *process = &scratch->profile->processes[index];
	struct profile *got = NULL;
	struct dump_error error;

	for (uint64_t i = 0; i <= MAX_READ_SAMPLES; i++)
		profile_append_sample(process, (struct sample){ i, (int64_t)i * 4096 });
	assert_int_equal(dump_close(TAKE(scratch->writer), scratch->profile), 0);
	assert_int_equal(dump_read(scratch->path, &got, &error), -EBADMSG);
}

static void threads_are_updated(void **state)
{
	struct scratch *scratch = *state;
	uint32_t process = profile_add_process(scratch->profile);
	struct thread thread = { .tid = 1 };

	for (uint32_t i = 0; i < 100; i++) {
		thread.tid = i;
		profile_add_thread(scratch->profile, process, &thread);
	}
	flush(scratch);
	scratch->profile->processes[process].threads[42].growth = -4096;
	scratch->profile->processes[process].is_dirty = true;
	flush(scratch);
	assert_true(size_of(scratch) < 1000);
	finish(scratch);
}

/* One node below the other compresses a thousandfold: still within what the reader takes. The
 * deepest of a process was called, so that all have a place. */
static void dense_profiles_stay_readable(void **state)
{
	struct scratch *scratch = *state;
	struct site site = { .kind = SITE_PYTHON };
	uint32_t process = profile_add_process(scratch->profile), parent = NO_NODE, node;

	profile_add_site(scratch->profile, &site);
	for (uint32_t i = 0; i < 1000000; i++) {
		if (i % DUMP_MAX_DEPTH == 0) {
			process = profile_add_process(scratch->profile);
			parent = NO_NODE;
		}
		node = profile_add_node(scratch->profile, process, parent, 0, 0);
		parent = node;
		if (i % DUMP_MAX_DEPTH == DUMP_MAX_DEPTH - 1)
			profile_add_calls(scratch->profile, node, 1);
	}
	profile_add_calls(scratch->profile, parent, 1);
	flush(scratch);
	assert_true(size_of(scratch) > scratch->profile->nr_nodes);
	finish(scratch);
}

/* The bytes of a file, as text where they are. */
static bool holds_text(const struct scratch *scratch, const char *text)
{
	_cleanup_(packed_bytes_free) struct packed_bytes file = dump_fixture_load(scratch->path);

	return memmem(file.bytes, file.size, text, strlen(text)) != NULL;
}

static uint32_t add_function(struct profile *profile, uint32_t parent, const char *name,
			     uint64_t first_ns)
{
	struct site site = { .kind = SITE_PYTHON, .line = 1, .version = 0x30b };

	site.file = string_pool_add(&profile->strings, "x.py");
	site.name = string_pool_add(&profile->strings, name);
	return profile_add_node(profile, 0, parent, profile_add_site(profile, &site), first_ns);
}

/* Small payloads are not deflated, so that names can be looked for. */
static void names_wait_for_what_needs_them(void **state)
{
	struct scratch *scratch = *state;
	struct profile *profile = scratch->profile;
	uint32_t caller, idle;

	profile_add_process(profile);
	caller = add_function(profile, NO_NODE, "caller", 0);
	idle = add_function(profile, caller, "idle", 100000);
	flush(scratch);
	assert_false(holds_text(scratch, "caller"));
	profile_add_calls(profile, add_function(profile, caller, "called", 200000), 1);
	flush(scratch);
	assert_true(holds_text(scratch, "caller"));
	assert_true(holds_text(scratch, "called"));
	assert_false(holds_text(scratch, "idle"));
	profile_add_cost(profile, idle, &(struct cost){ .grown = { 4096 }, .released = { 0 } });
	flush(scratch);
	assert_true(holds_text(scratch, "idle"));
	finish(scratch);
}

static void take(struct profile *profile, uint32_t node, int64_t pages)
{
	profile_add_cost(profile, node, &(struct cost){ .grown = { [KIND_ANON] = pages * 4096 } });
	profile_hold(profile, node)->live[KIND_ANON] += pages * 4096;
}

/* Of a run that was killed what is read is settled; sums that were read a moment apart are made one
 * by [unowned], and it is told. */
static void killed_runs_are_settled(void **state)
{
	struct scratch *scratch = *state;
	struct profile *profile = scratch->profile, *got = NULL;
	struct process *process;
	struct dump_error error;
	uint32_t first, second;
	struct cost cost;

	profile_add_process(profile);
	first = add_function(profile, NO_NODE, "first", 0);
	second = add_function(profile, NO_NODE, "second", 100000);
	process = &profile->processes[0];
	process->has_owners = true;
	process->peak_moment = 1;
	process->peak = process->peak_held[KIND_ANON] = 9 * 4096;
	process->live[KIND_ANON] = 5 * 4096;
	take(profile, first, 5);
	profile_hold(profile, first)->peak_more[KIND_ANON] = 4 * 4096;
	profile_hold(profile, first)->peak_moment = 1;
	profile_settle(profile);
	flush(scratch);
	/* Another path makes a new highest moment; of the first nothing is written. */
	take(profile, second, 6);
	process->peak_moment = 2;
	process->peak = process->peak_held[KIND_ANON] = 11 * 4096;
	process->live[KIND_ANON] = 13 * 4096; /* a moment later */
	process->is_dirty = true;
	assert_int_equal(dump_flush(scratch->writer, profile), 0);
	dump_abandon(TAKE(scratch->writer));

	assert_int_equal(dump_read(scratch->path, &got, &error), 0);
	assert_int_equal(got->nr_nodes, 3);
	cost = profile_cost(got, 0);
	assert_int_equal(cost.peak[KIND_ANON], 5 * 4096);
	assert_int_equal(cost.live[KIND_ANON], 5 * 4096);
	cost = profile_cost(got, 2);
	assert_int_equal(got->sites[got->nodes[2].site].kind, SITE_UNOWNED);
	assert_int_equal(cost.peak[KIND_ANON], 0);
	assert_int_equal(cost.live[KIND_ANON], 2 * 4096);
	assert_int_equal(got->processes[0].losses[LOSS_page_unplaced].bytes, 2 * 4096);
	profile_free(got);
}

/* What the dump has now, which need not be what the profile has. */
static struct profile *write_and_read(const struct scratch *scratch)
{
	struct profile *got;
	struct dump_error error;

	assert_int_equal(dump_flush(scratch->writer, scratch->profile), 0);
	assert_int_equal(dump_read(scratch->path, &got, &error), 0);
	return got;
}

/* Who was killed has not looked at what stands on [deeper] rows. */
static void calls_without_rows_are_bounds(void **state)
{
	struct scratch *scratch = *state;
	struct profile *profile = scratch->profile, *got;
	uint32_t process = profile_add_process(profile), node;
	uint32_t site = profile_add_site(profile, &(struct site){ .kind = SITE_DEEPER });

	profile->processes[process].calls_method = CALLS_BY_USDT;
	profile->processes[process].calls_seen = CALLS_SEEN_ALL;
	node = profile_add_node(profile, process, NO_NODE, site, 0);
	profile_add_calls(profile, node, 3);
	got = write_and_read(scratch);
	assert_int_equal(got->processes[process].calls_seen, CALLS_SEEN_SOME);
	assert_int_equal(got->processes[process].losses[LOSS_calls_unplaced].events, 3);
	profile_free(got);
}

/* Calls that are counted when frames end are bounds until those that run have been added. */
static void open_calls_are_bounds(void **state)
{
	struct scratch *scratch = *state;
	struct profile *profile = scratch->profile, *got;
	uint32_t index = profile_add_process(profile);
	struct process *process = &profile->processes[index];

	process->calls_method = CALLS_BY_UPROBE;
	process->calls_seen = CALLS_SEEN_ENDS;
	process->calls_reason = string_pool_add(&profile->strings, "resumes");
	process->open_reason = string_pool_add(&profile->strings, "open");
	process->counts_ends = true;
	process->is_dirty = true;
	got = write_and_read(scratch);
	assert_int_equal(got->processes[0].calls_seen, CALLS_SEEN_SOME);
	assert_string_equal(profile_string(got, got->processes[0].calls_reason), "open");
	profile_free(got);
	process->has_open_calls = process->is_dirty = true;
	got = write_and_read(scratch);
	assert_int_equal(got->processes[0].calls_seen, CALLS_SEEN_ENDS);
	assert_string_equal(profile_string(got, got->processes[0].calls_reason), "resumes");
	profile_free(got);
}

/* Frames that greenlets keep are not told, wherever a process ends. */
static void kept_calls_are_bounds(void **state)
{
	static const enum end_reason ends[] = { END_RUNNING, END_EXIT, END_SIGNAL, END_EXEC };
	struct scratch *scratch = *state;
	struct profile *profile = scratch->profile;
	uint32_t index = profile_add_process(profile);

	for (size_t i = 0; i < 2 * ARRAY_SIZE(ends); i++) {
		struct process *process = &profile->processes[index];
		bool is_bound = i % 2;
		struct profile *got;

		*process = (struct process){ .calls_method = CALLS_BY_UPROBE,
					     .calls_seen = CALLS_SEEN_ENDS,
					     .counts_ends = true,
					     .has_open_calls = true,
					     .has_last_calls = true,
					     .end = ends[i / 2],
					     .is_dirty = true };
		if (is_bound)
			process->kept_reason = string_pool_add(&profile->strings, "greenlets");
		got = write_and_read(scratch);
		assert_int_equal(got->processes[0].calls_seen,
				 is_bound ? CALLS_SEEN_SOME : CALLS_SEEN_ENDS);
		assert_string_equal(profile_string(got, got->processes[0].calls_reason),
				    is_bound ? "greenlets" : "");
		profile_free(got);
	}
}

/* Not every kernel tells which frames run when a process ends; in order none do, but in threads. */
static void last_calls_are_bounds(void **state)
{
	static const struct {
		enum end_reason end;
		bool has_last_calls, has_finalized, has_cut_threads, is_bound;
	} cases[] = {
		{ END_EXIT, false, true, false, false },  { END_EXIT, false, true, true, true },
		{ END_EXIT, false, false, false, true },  { END_EXIT, true, false, true, false },
		{ END_SIGNAL, false, true, false, true }, { END_SIGNAL, true, false, true, false },
		{ END_EXEC, false, false, false, true },  { END_EXEC, true, false, false, false },
	};
	struct scratch *scratch = *state;
	uint32_t index = profile_add_process(scratch->profile);
	struct process *process = &scratch->profile->processes[index];

	process->calls_method = CALLS_BY_UPROBE;
	process->calls_seen = CALLS_SEEN_ENDS;
	process->counts_ends = true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct profile *got;

		process->end = cases[i].end;
		process->has_last_calls = cases[i].has_last_calls;
		process->has_finalized = cases[i].has_finalized;
		process->has_cut_threads = cases[i].has_cut_threads;
		process->is_dirty = true;
		got = write_and_read(scratch);
		assert_int_equal(got->processes[0].calls_seen,
				 cases[i].is_bound ? CALLS_SEEN_SOME : CALLS_SEEN_ENDS);
		profile_free(got);
	}
}

/* A thread that ran when the dump was left ends with what is known of its process. */
static void running_threads_end(void **state)
{
	struct scratch *scratch = *state;
	struct profile *profile = scratch->profile, *got;
	uint32_t index = profile_add_process(profile);
	struct thread thread = { .tid = 7, .growth = 4096, .start_ns = 5 };

	profile_note_thread(profile, index, &thread);
	profile->meta.duration_ns = 50;
	profile_free(write_and_read(scratch));
	thread.growth = 8192;
	profile_note_thread(profile, index, &thread);
	profile->meta.duration_ns = 90;
	got = write_and_read(scratch);
	assert_int_equal(got->processes[0].nr_threads, 1);
	assert_int_equal(got->processes[0].threads[0].growth, 8192);
	assert_int_equal(got->processes[0].threads[0].end_ns, 90);
	profile_free(got);
	thread.end_ns = 60;
	profile_end_thread(profile, index, &thread);
	got = write_and_read(scratch);
	assert_int_equal(got->processes[0].nr_threads, 1);
	assert_int_equal(got->processes[0].threads[0].end_ns, 60);
	profile_free(got);
}

/* What a failed flush has numbered is numbered anew. */
static void failed_flushes_lose_nothing(void **state)
{
	struct scratch *scratch = *state;
	struct rlimit limit;
	uint64_t seed = 12;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	dump_fixture_grow(scratch->profile, &seed, 400);
	flush(scratch);
	for (int i = 0; i < 20; i++) {
		struct rlimit full = { size_of(scratch) + 40, limit.rlim_max };

		dump_fixture_grow(scratch->profile, &seed, 400);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
		assert_int_equal(dump_flush(scratch->writer, scratch->profile), -EFBIG);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		dump_fixture_grow(scratch->profile, &seed, 100);
		flush(scratch);
	}
	finish(scratch);
}

/* Siblings stand in the order of their first sight, also where the file's unit is the same. */
static void order_is_finer_than_times(void **state)
{
	struct scratch *scratch = *state;
	struct profile *profile = scratch->profile, *got = NULL;
	struct dump_error error;
	uint32_t root;

	profile_add_process(profile);
	root = add_function(profile, NO_NODE, "root", 5 * DUMP_FIRST_UNIT_NS);
	profile_add_calls(profile, add_function(profile, root, "third", 50003), 1);
	profile_add_calls(profile, add_function(profile, root, "first", 50001), 1);
	profile_add_calls(profile, add_function(profile, root, "second", 50002), 1);
	finish(scratch);
	assert_int_equal(dump_read(scratch->path, &got, &error), 0);
	for (uint32_t i = 1; i <= 3; i++) {
		static const char *const names[] = { "root", "first", "second", "third" };
		const struct site *site = &got->sites[got->nodes[i].site];

		assert_string_equal(profile_string(got, site->name), names[i]);
		assert_int_equal(got->nodes[i].first_ns, 50000);
	}
	profile_free(got);
}

/* A run that was flushed once is closed with what is new, not written again. */
static void short_runs_are_written_once(void **state)
{
	struct scratch *scratch = *state;
	_cleanup_(packed_bytes_free) struct packed_bytes flushed = { 0 }, closed = { 0 };
	uint64_t seed = 13;

	dump_fixture_grow(scratch->profile, &seed, 2000);
	flush(scratch);
	flushed = dump_fixture_load(scratch->path);
	profile_add_calls(scratch->profile, 1, 1);
	finish(scratch);
	closed = dump_fixture_load(scratch->path);
	assert_true(closed.size < flushed.size + 100);
	assert_memory_equal(closed.bytes + HEADER_BYTES, flushed.bytes + HEADER_BYTES,
			    flushed.size - HEADER_BYTES);
}

/* Appends and rewrites without end. */
static void flush_forever(struct scratch *scratch)
{
	uint64_t seed = 11;

	for (;;) {
		for (uint32_t node = 0; node < scratch->profile->nr_nodes; node++)
			profile_add_cost(scratch->profile, node,
					 &(struct cost){ .grown = { 77777 }, .released = { 1 } });
		if (scratch->profile->nr_nodes < 2000)
			dump_fixture_grow(scratch->profile, &seed, 500);
		if (dump_flush(scratch->writer, scratch->profile))
			_exit(1);
	}
}

/* SIGKILL at whatever moment leaves the state of a flush. */
static void killed_writers_leave_a_dump(void **state)
{
	struct scratch *scratch = *state;

	for (int i = 0; i < 20; i++) {
		struct profile *got = NULL;
		struct dump_error error;
		pid_t child = fork();
		int status;

		if (!child)
			flush_forever(scratch);
		usleep(2000 * i);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(dump_read(scratch->path, &got, &error), 0);
		assert_false(got->meta.is_complete);
		profile_free(got);
		dump_abandon(TAKE(scratch->writer));
		unlink(scratch->path);
		assert_int_equal(dump_create(&(struct dump_create){ .path = scratch->path,
								    .uid = geteuid(),
								    .gid = getegid() },
					     &scratch->writer),
				 0);
	}
}

static void reserve(struct profile *profile)
{
	uint32_t process = profile_add_process(profile);
	uint32_t node = profile_add_root(profile, process, SITE_UNOWNED, 0);

	profile->processes[process].has_owners = profile->processes[process].has_mapped = true;
	profile_hold(profile, node)->mapped = DUMP_MAX_AMOUNT / DUMP_PAGE_BYTES * DUMP_PAGE_BYTES;
}

/* What no reader would take is known before it is written. */
static void too_much_is_known_before(void **state)
{
	struct scratch *scratch = *state;
	struct profile *profile = scratch->profile, *got = NULL;
	struct dump_error error = { 0 };

	reserve(profile);
	reserve(profile);
	assert_int_equal(dump_check(profile), 0);
	reserve(profile);
	assert_int_equal(dump_check(profile), -EFBIG);
	assert_int_equal(dump_flush(scratch->writer, profile), 0);
	assert_int_equal(dump_read(scratch->path, &got, &error), -EBADMSG);
	profile->nr_processes = DUMP_MAX_PROCESSES + 1;
	assert_int_equal(dump_check(profile), -EFBIG);
	profile->nr_processes = 3;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(nothing_flushed_is_empty),
		TEST(empty),
		TEST(by_hand_at_once),
		TEST(by_hand_flushed_before),
		TEST(flush_clears_dirty_marks),
		TEST(abandoned_stays_incomplete),
		TEST(finished_as_incomplete),
		TEST(many_flushes_are_one),
		TEST(flushes_grow_by_what_changed),
		TEST(calls_and_costs_are_written_apart),
		TEST(dead_blocks_are_compacted),
		TEST(quiet_runs_stay_small),
		TEST(thinned_samples_are_replaced),
		TEST(more_samples_than_are_kept_today),
		TEST(more_samples_than_are_read),
		TEST(threads_are_updated),
		TEST(killed_writers_leave_a_dump),
		TEST(dense_profiles_stay_readable),
		TEST(names_wait_for_what_needs_them),
		TEST(killed_runs_are_settled),
		TEST(calls_without_rows_are_bounds),
		TEST(open_calls_are_bounds),
		TEST(last_calls_are_bounds),
		TEST(kept_calls_are_bounds),
		TEST(running_threads_end),
		TEST(failed_flushes_lose_nothing),
		TEST(order_is_finer_than_times),
		TEST(short_runs_are_written_once),
		TEST(too_much_is_known_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
