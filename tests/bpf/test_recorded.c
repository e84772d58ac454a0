/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over the memory of real interpreters: every Python that tools/interpreters lists is
 * recorded by record_python at the time of the test, and both of its threads are walked with the
 * names known. The system's python3.11 is the one that has to be there.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/host.h"
#include "memory.h"
#include "recording.h"
#include "session.h"

#define MAX_INTERPRETERS 64
#define SKIPPED 77

struct interpreter {
	char *line; /* what the members point into */
	char *name;
	char *command;
};

static struct interpreter interpreters[MAX_INTERPRETERS];
static size_t nr_interpreters;

/* NAME, VERSION, KIND, COMMAND, parted by tabs. */
static void add_interpreter(const char *text)
{
	char *next = xstrdup(text);
	struct interpreter interpreter = { .line = next };

	next[strcspn(next, "\n")] = '\0';
	interpreter.name = strsep(&next, "\t");
	strsep(&next, "\t");
	strsep(&next, "\t");
	interpreter.command = next;
	if (next && nr_interpreters < MAX_INTERPRETERS)
		interpreters[nr_interpreters++] = interpreter;
	else
		free(interpreter.line);
}

static void list_interpreters(void)
{
	FILE *list = popen(MEMPROBE_TOOLS "/interpreters list", "re");
	char line[4096];

	while (list && fgets(line, sizeof(line), list))
		add_interpreter(line);
	if (list)
		pclose(list);
}

static void read_exactly(FILE *file, void *to, size_t size)
{
	assert_int_equal(fread(to, 1, size, file), size);
}

static void load_pages(FILE *file, __u64 nr_pages)
{
	static const char zeroes[RECORDING_PAGE];
	char bytes[RECORDING_PAGE];

	for (__u64 i = 0; i < nr_pages; i++) {
		__u64 address;

		read_exactly(file, &address, sizeof(address));
		if (address & RECORDING_ZEROES) {
			host_user_write(address & ~(__u64)RECORDING_ZEROES, zeroes, sizeof(zeroes));
			continue;
		}
		read_exactly(file, bytes, sizeof(bytes));
		host_user_write(address, bytes, sizeof(bytes));
	}
}

static void load(const char *path, struct recording_head *ret)
{
	FILE *file = fopen(path, "rbe");

	assert_non_null(file);
	read_exactly(file, ret, sizeof(*ret));
	assert_true(ret->magic == RECORDING_MAGIC);
	load_pages(file, ret->nr_pages);
	fclose(file);
}

/* co_qualname is there from 3.11 on. */
static const char *expected_report(const struct wire_layout *layout)
{
	if (layout->code_qualname == NO_OFFSET)
		return "<module>;outer;gr\xf6sse;method;inner*61;stop anon+3\n"
		       "_bootstrap;_bootstrap_inner;run;work;generate;stop anon+15\n";
	return "<module>;outer;gr\xf6sse;Class.method;inner*61;stop anon+3\n"
	       "Thread._bootstrap;Thread._bootstrap_inner;Thread.run;work;generate;stop anon+15\n";
}

static void walk_threads(const struct recording_head *head)
{
	struct task_struct *main_thread = session_process(100, "python3");
	struct task_struct *worker = machine_task_new(main_thread->mm, 100, 101, "python3");

	assert_int_equal(head->nr_threads, 2);
	main_thread->THREAD_POINTER = head->fsbases[0];
	worker->THREAD_POINTER = head->fsbases[1];
	session_set_python(main_thread->mm, &head->layout, head->bias);
	for (__s32 pages = 1; pages <= 8; pages *= 2) {
		machine_run(pages < 4 ? main_thread : worker);
		session_change(main_thread->mm, KIND_ANON, pages);
	}
	session_change(main_thread->mm, KIND_ANON, 3); /* the worker's, with all keys cached */
}

static void check_sites(void)
{
	struct wire_site site;

	assert_true(session_find_site("outer", &site));
	assert_int_equal(site.firstlineno, RECORDING_OUTER_LINE);
	assert_int_equal(site.filename.bytes, strlen("<string>"));
	assert_int_equal(site.name.ascii, 1);
	assert_true(session_find_site("gr\xf6sse", &site));
	assert_int_equal(site.name.kind, 1);
	assert_int_equal(site.name.ascii, 0);
}

static void test_interpreter(void **state)
{
	const struct interpreter *interpreter = *state;
	_cleanup_(freep) char *path = xasprintf("%s/%s.recording", MEMPROBE_RECORDINGS,
						interpreter->name);
	_cleanup_(freep) char *command = xasprintf("exec %s %s %s", MEMPROBE_RECORDER, path,
						   interpreter->command);
	int status = system(command);

	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(status, 0);
	for (int kernel = 0; kernel < NR_SESSION_KERNELS; kernel++) {
		_cleanup_(freep) char *report = NULL;
		struct recording_head head;

		session_open(kernel);
		load(path, &head);
		walk_threads(&head);
		report = session_report();
		assert_string_equal(report, expected_report(&head.layout));
		check_sites();
		session_check();
		session_close();
	}
	unlink(path);
}

static void test_system_is_there(void **state)
{
	if (access("/usr/bin/python3.11", X_OK)) {
		print_message("skipped: there is no /usr/bin/python3.11\n");
		skip();
	}
	for (size_t i = 0; i < nr_interpreters; i++)
		if (!strcmp(interpreters[i].name, "system-3.11"))
			return;
	fail_msg("tools/interpreters does not list /usr/bin/python3.11");
}

int main(void)
{
	struct CMUnitTest tests[MAX_INTERPRETERS + 1] = {
		cmocka_unit_test(test_system_is_there),
	};
	int failed;

	list_interpreters();
	for (size_t i = 0; i < nr_interpreters; i++)
		tests[i + 1] = (struct CMUnitTest){
			.name = interpreters[i].name,
			.test_func = test_interpreter,
			.initial_state = &interpreters[i],
		};
	failed = _cmocka_run_group_tests("recorded", tests, nr_interpreters + 1, NULL, NULL);
	while (nr_interpreters)
		free(interpreters[--nr_interpreters].line);
	return failed;
}
