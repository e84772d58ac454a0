/* SPDX-License-Identifier: BSD-2-Clause */
/* When copies of shared pages are followed, and what is said of those that were not; the worker is
 * played. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cow.h"
#include "cow_worker.h"
#include "drain_fixture.h"
#include "process_stat.h"

#define MB (1 << 20)

static struct cow_reached reached;
static enum cow_stage wanted;

struct cow_worker *cow_worker_new(const struct loader *loader)
{
	reached = (struct cow_reached){ 0 };
	wanted = COW_NOTHING;
	return NULL;
}

void cow_worker_free(struct cow_worker *worker)
{
}

void cow_worker_want(struct cow_worker *worker, enum cow_stage stage)
{
	wanted = stage;
}

struct cow_reached cow_worker_look(struct cow_worker *worker)
{
	return reached;
}

struct cow_reached cow_worker_wait(struct cow_worker *worker)
{
	reached.stage = wanted;
	return reached;
}

static pid_t executed; /* who runs another program than it was forked with; 0: nobody */

int process_stat_read(pid_t pid, struct process_stat *ret)
{
	*ret = (struct process_stat){ .flags = pid == executed ? 0 : 0x40 };
	return 0;
}

static struct drain_fixture fixture;
static struct capture_base base;
static struct cow *cow;

static void open_cow(bool is_from_start)
{
	drain_fixture_open(&fixture);
	base = (struct capture_base){ .profile = fixture.profile, .drain = fixture.drain };
	cow = cow_new(&base, is_from_start);
	assert_non_null(cow);
	cow_begin(cow);
}

static void close_cow(void)
{
	cow_free(cow);
	drain_fixture_close(&fixture);
}

/* It has so much at its begin. */
static uint32_t begin(uint32_t pid, uint32_t ppid, enum begin_reason reason, uint64_t time_ns,
		      int64_t mb)
{
	const struct drain_listener listener = cow_hear_drain(cow);
	const struct rss_sample sample = { .time_ns = time_ns, .rss = mb * MB };
	uint32_t index = profile_add_process(fixture.profile);
	struct process *process = &fixture.profile->processes[index];

	process->pid = pid;
	process->ppid = ppid;
	process->begin = reason;
	process->start_ns = time_ns;
	listener.rss_changed(listener.context, index, &sample);
	return index;
}

static void end(uint32_t process, uint64_t time_ns)
{
	const struct drain_listener listener = cow_hear_drain(cow);

	fixture.profile->processes[process].end_ns = time_ns;
	listener.image_ended(listener.context, process);
}

static void flush(void)
{
	const struct flush_listener listener = cow_hear_flush(cow);

	listener.flush(listener.context, fixture.profile, 0);
}

static void attach(uint64_t time_ns)
{
	reached.stage = COW_ATTACHED;
	reached.attached_ns = FIXTURE_START_NS + time_ns;
}

static const struct process *entry(uint32_t process)
{
	return &fixture.profile->processes[process];
}

static void small_processes_wait_for_a_flush(void **state)
{
	uint32_t child;

	open_cow(false);
	begin(1, 0, BEGAN_EXEC, 10, 20);
	child = begin(2, 1, BEGAN_FORK, 20, 20);
	assert_int_equal(wanted, COW_NOTHING);
	flush();
	assert_int_equal(wanted, COW_ATTACHED);
	end(child, 30);
	assert_false(entry(child)->has_unshared);
	close_cow();
}

static void large_ones_are_loaded_for(void **state)
{
	uint32_t parent, child;

	open_cow(false);
	parent = begin(1, 0, BEGAN_EXEC, 10, 64);
	assert_int_equal(wanted, COW_LOADED);
	reached.stage = COW_LOADED;
	child = begin(2, 1, BEGAN_FORK, 2000, 64);
	assert_int_equal(wanted, COW_ATTACHED);
	attach(2500);
	flush();
	assert_true(entry(child)->has_unshared);
	assert_int_equal(entry(child)->unshared_late_ns, 500);
	assert_true(entry(parent)->has_unshared);
	assert_int_equal(entry(parent)->unshared_late_ns, 500);
	child = begin(3, 1, BEGAN_FORK, 3000, 64);
	end(child, 4000);
	assert_true(entry(child)->has_unshared);
	assert_int_equal(entry(child)->unshared_late_ns, 0);
	close_cow();
}

static void ends_with_the_last_child(void **state)
{
	uint32_t child;

	open_cow(false);
	begin(1, 0, BEGAN_EXEC, 10, 64);
	child = begin(2, 1, BEGAN_FORK, 20, 64);
	attach(20);
	flush();
	end(child, 30);
	flush();
	assert_int_equal(wanted, COW_ATTACHED);
	for (int i = 0; i < 4; i++)
		flush();
	assert_int_equal(wanted, COW_LOADED);
	close_cow();
}

static void goes_on_from_the_start(void **state)
{
	uint32_t process;

	open_cow(true);
	assert_int_equal(reached.stage, COW_ATTACHED);
	process = begin(1, 0, BEGAN_EXEC, 10, 1);
	for (int i = 0; i < 10; i++)
		flush();
	assert_int_equal(wanted, COW_ATTACHED);
	assert_true(entry(process)->has_unshared);
	assert_int_equal(entry(process)->unshared_late_ns, 0);
	close_cow();
}

static void goes_on_when_there_is_much_to_copy(void **state)
{
	uint32_t process;

	open_cow(true);
	process = begin(1, 0, BEGAN_ATTACH, 10, 64);
	assert_int_equal(wanted, COW_ATTACHED);
	flush();
	assert_true(entry(process)->has_unshared);
	close_cow();
}

static void attached_kin_was_forked(void **state)
{
	uint32_t stranger, child, parent, other;

	open_cow(false);
	stranger = begin(4, 9, BEGAN_ATTACH, 10, 64);
	child = begin(2, 3, BEGAN_ATTACH, 20, 64);
	assert_int_equal(wanted, COW_LOADED);
	parent = begin(3, 0, BEGAN_ATTACH, 30, 64);
	assert_int_equal(wanted, COW_ATTACHED);
	other = begin(5, 3, BEGAN_ATTACH, 40, 64);
	attach(130);
	flush();
	assert_int_equal(entry(child)->unshared_late_ns, 100);
	assert_int_equal(entry(parent)->unshared_late_ns, 100);
	assert_int_equal(entry(other)->unshared_late_ns, 90);
	assert_int_equal(entry(stranger)->unshared_late_ns, 0);
	end(child, 200);
	end(other, 200);
	for (int i = 0; i < 4; i++)
		flush();
	assert_int_equal(wanted, COW_LOADED);
	close_cow();
}

static void attached_child_runs_another_program(void **state)
{
	open_cow(false);
	executed = 2;
	begin(1, 0, BEGAN_ATTACH, 10, 64);
	begin(2, 1, BEGAN_ATTACH, 20, 64);
	assert_int_equal(wanted, COW_LOADED);
	executed = 0;
	close_cow();
}

static void without_owners_there_is_none(void **state)
{
	drain_fixture_open(&fixture);
	fake_loader_without_owners();
	base = (struct capture_base){ 0 };
	assert_null(cow_new(&base, true));
	assert_null(cow_hear_drain(NULL).rss_changed);
	assert_null(cow_hear_flush(NULL).flush);
	cow_begin(NULL);
	drain_fixture_close(&fixture);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_processes_wait_for_a_flush),
		cmocka_unit_test(large_ones_are_loaded_for),
		cmocka_unit_test(ends_with_the_last_child),
		cmocka_unit_test(goes_on_from_the_start),
		cmocka_unit_test(goes_on_when_there_is_much_to_copy),
		cmocka_unit_test(attached_kin_was_forked),
		cmocka_unit_test(attached_child_runs_another_program),
		cmocka_unit_test(without_owners_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
