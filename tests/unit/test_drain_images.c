/* SPDX-License-Identifier: BSD-2-Clause */
/* Images from begin to end, as entries of the profile, and who is told of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drain_test.h"
#include "memory.h"

static const struct process *process(void)
{
	assert_int_equal(fixture.profile->nr_processes, 1);
	return &fixture.profile->processes[0];
}

static void test_image_begin(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	assert_string_equal(text(process()->command), "python3 app.py");
	assert_int_equal(process()->pid, FIXTURE_TGID);
	assert_int_equal(process()->opening[KIND_ANON], 10 * 4096);
	assert_int_equal(process()->peak, 30 * 4096);
	assert_int_equal(process()->start_ns, 50);
	assert_int_equal(drain_image(fixture.drain, 0), FIXTURE_IMAGE);
	/* A slot that is in use is nobody else's. */
	send_type(RECORD_IMAGE_BEGIN);
	assert_int_equal(fixture.profile->nr_processes, 1);
	assert_int_equal(refused(), 1);
}

static void test_arguments_without_end(void **state)
{
	size_t size = drain_fixture_record(RECORD_IMAGE_BEGIN, &record);

	memset(record.begin.args, 'a', MAX_ARGS_BYTES);
	record.begin.args_bytes = MAX_ARGS_BYTES;
	send_record(size);
	assert_int_equal(strlen(text(process()->command)), MAX_ARGS_BYTES);
}

static void test_comm_without_end(void **state)
{
	size_t size = drain_fixture_record(RECORD_IMAGE_BEGIN, &record);

	memset(record.begin.comm, 'c', COMM_BYTES);
	record.begin.reason = BEGIN_ATTACH;
	record.begin.layout = PYTHON_KNOWN << 16 | 3;
	send_record(size);
	assert_string_equal(text(process()->command), "cccccccccccccccc");
	assert_int_equal(fixture.heard.attached, 1);
	assert_int_equal(fixture.heard.layout, 3);
}

static void test_ends(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_BALANCE);
	assert_false(drain_is_balanced(fixture.drain));
	send_type(RECORD_THREAD_END);
	assert_int_equal(process()->nr_threads, 1);
	assert_string_equal(text(process()->threads[0].name), "cccccccccccccccc");
	assert_int_equal(process()->threads[0].growth, 7 * 4096);
	send_type(RECORD_IMAGE_END);
	assert_int_equal(process()->kernel[KIND_ANON], 31 * 4096);
	assert_int_equal(fixture.heard.image_ended, 1);
	send_type(RECORD_PROCESS_END);
	assert_int_equal(process()->end, END_EXIT);
	assert_int_equal(process()->exit_code, 3);
	assert_int_equal(fixture.heard.process_ended, 1);
	/* By now the slot is free, and so is its number for the next image. */
	assert_int_equal(fake_loader_told().slots_freed, 1);
	assert_int_equal(fake_loader_told().last_slot, FIXTURE_SLOT);
	assert_false(drain_has_images(fixture.drain));
	assert_int_equal(refused(), 0);
}

/* What was attached to a process is attached to its main thread. */
static void test_main_ends(void **state)
{
	size_t size;

	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_MAIN_END);
	assert_int_equal(fixture.heard.main_ended, 1);
	assert_int_equal(fixture.heard.probes_lost, 0);
	size = drain_fixture_record(RECORD_IMAGE_BEGIN, &record);
	record.begin.slot++;
	record.begin.head.image_id++;
	record.begin.reason = BEGIN_EXEC;
	send_record(size);
	assert_int_equal(fixture.heard.probes_lost, 1);
	assert_int_equal(fixture.heard.tgid, FIXTURE_TGID);
}

/* Another thread takes the main one's place and its number: no thread of its own. */
static void test_exec_by_thread(void **state)
{
	struct wire_main_end *end = (void *)&record;
	size_t size;

	send_type(RECORD_IMAGE_BEGIN);
	for (int i = 0; i < 2; i++) {
		struct wire_thread_end *thread = (void *)&record;

		size = drain_fixture_record(RECORD_THREAD_END, &record);
		thread->thread.tid = FIXTURE_TGID;
		send_record(size);
	}
	size = drain_fixture_record(RECORD_MAIN_END, &record);
	end->is_exec = 1;
	send_record(size);
	assert_int_equal(process()->nr_threads, 1);
	assert_int_equal(process()->threads[0].growth, 2 * 7 * 4096);
	assert_int_equal(fixture.heard.main_ended, 0);
	assert_int_equal(fixture.heard.probes_lost, 1);
}

/* A fork's child is what its parent was, an exec ends the entry before. */
static void test_exec_after_fork(void **state)
{
	size_t size;

	send_type(RECORD_IMAGE_BEGIN);
	fixture.profile->processes[0].python = string_pool_add(&fixture.profile->strings, "3.11.2");
	size = drain_fixture_record(RECORD_IMAGE_BEGIN, &record);
	record.begin.slot++;
	record.begin.head.image_id++;
	record.begin.tgid--;
	record.begin.reason = BEGIN_FORK;
	record.begin.parent_image = FIXTURE_IMAGE;
	send_record(size);
	assert_int_equal(fixture.profile->nr_processes, 2);
	assert_string_equal(text(fixture.profile->processes[1].python), "3.11.2");
	assert_string_equal(text(fixture.profile->processes[1].command), "python3 app.py");
	assert_int_equal(fixture.heard.sample.inherited, 10 * 4096);
	record.begin.slot++;
	record.begin.head.image_id++;
	record.begin.reason = BEGIN_EXEC;
	send_record(size);
	assert_int_equal(fixture.profile->nr_processes, 3);
	assert_int_equal(fixture.profile->processes[1].end, END_EXEC);
	assert_string_equal(text(fixture.profile->processes[2].python), "");
	assert_int_equal(fixture.heard.sample.inherited, 0);
}

/* Of an exec the program is looked at, of others the process; nobody of what is known. What takes
 * longer comes afterwards. */
static void test_who_is_looked_at(void **state)
{
	static const struct {
		uint32_t reason, state;
		unsigned int programs, unknown, found;
	} cases[] = {
		{ BEGIN_EXEC, PYTHON_UNKNOWN, 1, 0, 0 },   { BEGIN_FORK, PYTHON_UNKNOWN, 0, 1, 0 },
		{ BEGIN_ATTACH, PYTHON_UNKNOWN, 0, 1, 0 }, { BEGIN_EXEC, PYTHON_NONE, 0, 0, 0 },
		{ BEGIN_FORK, PYTHON_KNOWN, 0, 0, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t size = drain_fixture_record(RECORD_IMAGE_BEGIN, &record);

		fixture.heard = (struct heard){ 0 };
		record.begin.slot += i;
		record.begin.head.image_id += i;
		record.begin.tgid -= i;
		record.begin.reason = cases[i].reason;
		record.begin.layout = cases[i].state << 16;
		send_record(size);
		assert_int_equal(fixture.heard.programs, cases[i].programs);
		assert_int_equal(fixture.heard.programs_before, cases[i].programs);
		assert_int_equal(fixture.heard.unknown, cases[i].unknown);
		assert_int_equal(fixture.heard.found, cases[i].found);
	}
}

static void test_killed(void **state)
{
	size_t size;

	send_type(RECORD_IMAGE_BEGIN);
	size = drain_fixture_record(RECORD_PROCESS_END, &record);
	record.process_end.exit_code = 9;
	send_record(size);
	assert_int_equal(process()->end, END_SIGNAL);
	assert_int_equal(process()->exit_signal, 9);
	/* Its address space is torn down later. */
	assert_true(drain_has_images(fixture.drain));
}

/* The record of its end was lost: the table tells. */
static void test_end_by_table(void **state)
{
	const struct wire_image image = {
		.image_id = FIXTURE_IMAGE,
		.peak = 70,
		.closing = { [KIND_FILE] = 4 },
		.end_ns = FIXTURE_START_NS + 90,
	};
	const uint32_t slot = FIXTURE_SLOT;

	send_type(RECORD_IMAGE_BEGIN);
	fake_loader_put("images", &slot, &image);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(fixture.heard.image_ended, 1);
	assert_int_equal(process()->end_ns, 90);
	assert_int_equal(process()->peak, 70 * 4096);
	assert_int_equal(process()->kernel[KIND_FILE], 4 * 4096);
}

/* A process that goes on is compared once a balance has come; until then nothing differs. */
static void test_live_balance(void **state)
{
	const struct wire_image image = { .image_id = FIXTURE_IMAGE };
	const uint32_t slot = FIXTURE_SLOT;

	send_type(RECORD_IMAGE_BEGIN);
	fixture.profile->processes[0].books[KIND_ANON] += 5 * 4096;
	fake_loader_put("images", &slot, &image);
	for (int compared = 0; compared < 2; compared++) {
		int64_t difference;

		assert_int_equal(drain_all(fixture.drain), 0);
		difference = process()->kernel[KIND_ANON] - process()->books[KIND_ANON];
		assert_int_equal(difference, compared * 4096);
		send_type(RECORD_BALANCE);
	}
}

/* What user space has found out stays where the table has none. */
static void test_losses(void **state)
{
	struct wire_image image = { .image_id = FIXTURE_IMAGE };
	const uint32_t slot = FIXTURE_SLOT;

	send_type(RECORD_IMAGE_BEGIN);
	fixture.profile->processes[0].losses[LOSS_found_late].events = 1;
	image.loss_events[LOSS_nodes_full] = 3;
	image.loss_pages[LOSS_nodes_full] = 5;
	fake_loader_put("images", &slot, &image);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(process()->losses[LOSS_nodes_full].events, 3);
	assert_int_equal(process()->losses[LOSS_nodes_full].bytes, 5 * 4096);
	assert_int_equal(process()->losses[LOSS_found_late].events, 1);
	/* What was read is not added again. */
	image.loss_events[LOSS_nodes_full] = 4;
	fake_loader_put("images", &slot, &image);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(process()->losses[LOSS_nodes_full].events, 4);
	assert_int_equal(process()->losses[LOSS_nodes_full].bytes, 5 * 4096);
}

/* What the kernel counts is of no process. */
static void test_missed(void **state)
{
	const struct loss_count *loss = &fixture.profile->losses[LOSS_events_missed];

	fake_loader_miss(3, 0);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(loss->events, 3);
	fake_loader_miss(5, 0);
	assert_int_equal(drain_finish(fixture.drain, FIXTURE_START_NS + 1), 0);
	assert_int_equal(loss->events, 5);
}

/* A thread's end may be among it, with the path that it was on; of a counter's events none is. */
static void test_missed_ends(void **state)
{
	struct process *counted;

	send_type(RECORD_IMAGE_BEGIN);
	fake_loader_miss(3, 0);
	assert_int_equal(drain_all(fixture.drain), 0);
	counted = &fixture.profile->processes[0];
	counted->calls_method = CALLS_BY_UPROBE;
	counted->calls_seen = CALLS_SEEN_ALL;
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(process()->calls_seen, CALLS_SEEN_ALL);
	fake_loader_miss(4, 1);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(process()->calls_seen, CALLS_SEEN_SOME);
	assert_non_null(strstr(profile_string(fixture.profile, process()->calls_reason),
			       "kept ends of threads back"));
}

/* The BPF side's numbers have 32 bits. */
static void test_losses_go_round(void **state)
{
	struct wire_image image = { .image_id = FIXTURE_IMAGE };
	const uint32_t slot = FIXTURE_SLOT;

	send_type(RECORD_IMAGE_BEGIN);
	image.loss_events[LOSS_nodes_full] = UINT32_MAX;
	fake_loader_put("images", &slot, &image);
	assert_int_equal(drain_all(fixture.drain), 0);
	image.loss_events[LOSS_nodes_full] += 3;
	fake_loader_put("images", &slot, &image);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(process()->losses[LOSS_nodes_full].events, UINT32_MAX + 3ULL);
}

/* A thread that still runs at the end, whose growth is partly with the CPUs yet. */
static void test_live_thread(void **state)
{
	const struct wire_thread thread = {
		.image_id = FIXTURE_IMAGE,
		.tid = FIXTURE_TGID,
		.growth = 9,
		.comm = "worker",
	};
	const struct wire_tally tallies[FAKE_CPUS] = {
		{ .tid = FIXTURE_TGID, .image_id = FIXTURE_IMAGE, .growth = 2 },
		{ .tid = FIXTURE_TGID, .image_id = FIXTURE_IMAGE + MAX_IMAGES, .growth = 4 },
	};
	const uint32_t zero = 0;

	send_type(RECORD_IMAGE_BEGIN);
	fake_loader_put("threads", &thread.tid, &thread);
	/* A flush knows it, too: it goes on. */
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(process()->nr_threads, 1);
	assert_int_equal(process()->threads[0].growth, 9 * 4096);
	assert_int_equal(process()->threads[0].end_ns, 0);
	fake_loader_put("tallies", &zero, tallies);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(process()->threads[0].growth, 11 * 4096);
	assert_int_equal(drain_finish(fixture.drain, FIXTURE_START_NS + 100), 0);
	assert_int_equal(process()->nr_threads, 1);
	assert_string_equal(text(process()->threads[0].name), "worker");
	assert_int_equal(process()->threads[0].growth, 11 * 4096);
	assert_int_equal(process()->threads[0].end_ns, 100);
	assert_int_equal(process()->end_ns, 100);
}

static void test_knocks(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_KNOCK);
	assert_int_equal(fixture.heard.unknown, 1);
	assert_int_equal(fixture.heard.tgid, FIXTURE_TGID);
	send_type(RECORD_FOUND);
	assert_int_equal(fixture.heard.found, 1);
	assert_int_equal(fixture.heard.layout, MAX_LAYOUTS - 1);
	send_type(RECORD_CALLS_OVER);
	assert_int_equal(fixture.heard.over, 1);
	send_type(RECORD_WATCH);
	assert_int_equal(fixture.heard.watches, 1);
	send_type(RECORD_SAMPLE);
	assert_int_equal(fixture.heard.sample.rss, 100 * 4096);
	assert_int_equal(fixture.heard.sample.anon, 60 * 4096);
}

/* What begins beyond what a dump may hold finds no slot, which the BPF side counts. */
static void test_more_than_a_dump_holds(void **state)
{
	struct profile *profile = fixture.profile;
	uint64_t freed;
	size_t count;

	send_type(RECORD_IMAGE_BEGIN);
	profile->processes = array_reserve(profile->processes, &profile->processes_capacity,
					   PROFILE_MAX_PROCESSES, sizeof(*profile->processes));
	profile->nr_processes = PROFILE_MAX_PROCESSES - MAX_IMAGES;
	send_type(RECORD_IMAGE_END);
	send_type(RECORD_PROCESS_END);
	freed = fake_loader_told().slots_freed;
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_IMAGE_END);
	send_type(RECORD_PROCESS_END);
	count = profile->nr_processes;
	profile->nr_processes = 1;
	assert_int_equal(freed, 1);
	assert_int_equal(count, PROFILE_MAX_PROCESSES - MAX_IMAGES + 1);
	assert_int_equal(fake_loader_told().slots_freed, 1);
	assert_false(drain_has_images(fixture.drain));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_image_begin),	     TEST(test_arguments_without_end),
		TEST(test_comm_without_end), TEST(test_ends),
		TEST(test_main_ends),	     TEST(test_exec_by_thread),
		TEST(test_exec_after_fork),  TEST(test_who_is_looked_at),
		TEST(test_killed),	     TEST(test_end_by_table),
		TEST(test_live_balance),     TEST(test_losses),
		TEST(test_missed),	     TEST(test_missed_ends),
		TEST(test_losses_go_round),  TEST(test_live_thread),
		TEST(test_knocks),	     TEST(test_more_than_a_dump_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
