/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers that are not what they should be: the inspecting process plays one that was taken over.
 * For each kind a good answer is taken, and refused once one number or text in it is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "inspect_census.h"
#include "inspect_heap.h"
#include "inspect_malloc.h"
#include "inspect_native.h"
#include "inspect_python.h"
#include "inspect_queues.h"
#include "inspect_texts.h"
#include "memory.h"
#include "offset_table.h"

/* What is wrong with the answers; before the process is forked. */
static enum {
	NOTHING,
	SHORT,
	OPEN_TEXT,
	CONTROL_TEXT,
	SITES,
	FRAME,
	METHOD,
	OFFSET,
	VERSION,
	ENDS,
	STATUS,
	COUNT,
	LENGTH,
	NUL_INSIDE,
	NO_FILE,
	DIRECTORY,
	AMOUNT,
	PART,
} wrong;

static void make_entry(struct inspect_entry *entry)
{
	struct offset_table table;

	memset(entry, 0, sizeof(*entry));
	offset_table_find(0x030b02f0, false, &table);
	entry->file = (struct file_identity){ 1, 2 };
	entry->interpreter.layout = table.layout;
	strcpy(entry->interpreter.version, "3.11.2");
	entry->plan.nr_sites = wrong == SITES ? MAX_PROBE_SITES + 1 : 1;
	entry->plan.frame = wrong == FRAME ? PROBE_FRAME_ARG2 + 1 : PROBE_FRAME_LEAF;
	entry->plan.method = wrong == METHOD ? 77 : PROBE_BY_USDT;
	entry->status = wrong == STATUS ? -EIO : 0;
	if (wrong == OPEN_TEXT)
		memset(entry->path, 'x', sizeof(entry->path));
	if (wrong == CONTROL_TEXT)
		strcpy(entry->plan.what, "\033[2J");
	if (wrong == OFFSET)
		entry->interpreter.layout.frame_back = 0xfff0;
	if (wrong == VERSION)
		entry->interpreter.layout.version = 0x7f01;
	if (wrong == ENDS)
		entry->interpreter.ends.doubt = NR_RUNTIME_ENDS_DOUBTS;
}

static void handle_place(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	struct inspect_place *place = (struct inspect_place *)reply->bytes;

	memset(place, 0, sizeof(*place));
	strcpy(place->path, "/usr/bin/python3");
	make_entry(&place->entry);
	reply->size = sizeof(*place) - (wrong == SHORT);
}

static void handle_foresee(void *state, const void *request, size_t size,
			   struct inspect_reply *reply)
{
	make_entry((struct inspect_entry *)reply->bytes);
	reply->size = sizeof(struct inspect_entry) - (wrong == SHORT);
}

static void handle_file(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	if (wrong != NO_FILE)
		reply->fd = open(wrong == DIRECTORY ? "/proc" : "/proc/self/exe", O_RDONLY);
}

static void handle_frames(void *state, const void *request, size_t size,
			  struct inspect_reply *reply)
{
	memset(reply->bytes, 0, reply->capacity);
	reply->size = 2 * sizeof(struct python_frame) - (wrong == SHORT);
}

static void handle_code(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	struct inspect_code *code = (struct inspect_code *)reply->bytes;

	memset(code, wrong == OPEN_TEXT ? 'x' : 0, sizeof(*code));
	reply->size = sizeof(*code) - (wrong == SHORT);
}

static void handle_objects(void *state, const void *request, size_t size,
			   struct inspect_reply *reply)
{
	const inspect_name_bytes lengths[] = { 3, wrong == LENGTH ? 4000 : INSPECT_NAME_NONE };

	memcpy(reply->bytes, &lengths[0], sizeof(lengths[0]));
	memcpy(reply->bytes + 2, wrong == NUL_INSIDE ? "a\0c" : "abc", 3);
	memcpy(reply->bytes + 5, &lengths[1], sizeof(lengths[1]));
	reply->size = 7 + (wrong == COUNT) - (wrong == SHORT);
}

static void handle_name(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	memcpy(reply->bytes, wrong == NUL_INSIDE ? "a\0c" : "abc", 3);
	reply->size = wrong == SHORT ? 0 : 3;
}

static void handle_lines(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	memset(reply->bytes, 'x', reply->capacity);
	reply->size = sizeof(inspect_lines_bytes) + SOURCE_LINE_BYTES - (wrong == SHORT);
}

static void handle_mimalloc(void *state, const void *request, size_t size,
			    struct inspect_reply *reply)
{
	const uint32_t has_mimalloc = 1;

	memcpy(reply->bytes, &has_mimalloc, sizeof(has_mimalloc));
	reply->size = sizeof(has_mimalloc) - (wrong == SHORT);
}

static void handle_process(void *state, const void *request, size_t size,
			   struct inspect_reply *reply)
{
	struct inspect_process *process = (struct inspect_process *)reply->bytes;

	memset(process, 0, sizeof(*process));
	process->command_bytes = wrong == LENGTH ? sizeof(process->command) + 1 : 5;
	reply->size = sizeof(*process) - (wrong == SHORT);
}

static void handle_variable(void *state, const void *request, size_t size,
			    struct inspect_reply *reply)
{
	memcpy(reply->bytes, wrong == NUL_INSIDE ? "/a\0c" : "/a:c", 4);
	reply->size = wrong == SHORT ? 0 : 4;
}

static void handle_heap(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	struct heap_inside *inside = (struct heap_inside *)reply->bytes;

	memset(inside, 0, sizeof(*inside));
	strcpy(inside->malloc_name, wrong == CONTROL_TEXT ? "\033[2J" : "glibc 2.36");
	if (wrong == OPEN_TEXT)
		memset(inside->malloc_name, 'x', sizeof(inside->malloc_name));
	inside->malloc_state = wrong == STATUS ? NR_HEAP_STATES : HEAP_READ;
	inside->malloc_used = wrong == AMOUNT ? HEAP_MAX_BYTES + 1 : 5;
	inside->malloc_free_pages = wrong == PART;
	reply->size = sizeof(*inside) - (wrong == SHORT);
}

static void handle_malloc(void *state, const void *request, size_t size,
			  struct inspect_reply *reply)
{
	struct malloc_file *file = (struct malloc_file *)reply->bytes;

	memset(file, 0, sizeof(*file));
	strcpy(file->path, "/lib/libc.so.6");
	strcpy(file->plan.what, "glibc: 1 functions");
	file->plan.nr_sites = wrong == SITES ? MAX_MALLOC_SITES + 1 : 1;
	file->plan.sites[0].call = wrong == METHOD ? NR_ALLOC_CALLS : ALLOC_MALLOC;
	file->plan.sites[0].has_return = wrong != FRAME;
	if (wrong == COUNT)
		file->plan.nr_sites = 0;
	if (wrong == STATUS)
		file->plan.reason = "x";
	if (wrong == OPEN_TEXT)
		memset(file->path, 'x', sizeof(file->path));
	if (wrong == CONTROL_TEXT)
		strcpy(file->plan.what, "\033[2J");
	reply->size = wrong == LENGTH ? (MAX_MALLOC_FILES + 1) * sizeof(*file)
				      : sizeof(*file) - (wrong == SHORT);
}

static void handle_queues(void *state, const void *request, size_t size,
			  struct inspect_reply *reply)
{
	struct queue_plan *plan = (struct queue_plan *)reply->bytes;

	handle_file(state, request, size, reply);
	memset(plan, 0, sizeof(*plan));
	plan->nr_sites = wrong == SITES ? MAX_QUEUE_SITES + 1 : 1;
	plan->sites[0].call = wrong == METHOD ? NR_QUEUE_CALLS : QUEUE_PUT;
	reply->size = sizeof(*plan) - (wrong == SHORT);
}

static void handle_census(void *state, const void *request, size_t size,
			  struct inspect_reply *reply)
{
	struct census census = { .refused = CENSUS_NONE, .objects = 5 };
	struct packed_bytes bytes = { 0 };

	string_pool_init(&census.strings);
	census_write(&census, &bytes);
	memcpy(reply->bytes, bytes.bytes, bytes.size);
	reply->bytes[bytes.size] = 0;
	reply->size = bytes.size - (wrong == SHORT) + (wrong == LENGTH);
	packed_bytes_free(&bytes);
	census_free(&census);
}

static void handle_unwind(void *state, const void *request, size_t size,
			  struct inspect_reply *reply)
{
	struct inspect_unwind *head = (struct inspect_unwind *)reply->bytes;
	struct wire_unwind_row rows[] = { { 16, 1 }, { wrong == OFFSET ? 16 : 32, 0 } };
	struct wire_unwind_rule rules[] = { { 0 }, { .cfa = UNWIND_CFA_RSP } };

	memset(head, 0, sizeof(*head));
	head->file.ino = wrong == NO_FILE ? 0 : 7;
	head->file.pad = wrong == FRAME;
	head->nr_rows = wrong == COUNT ? UINT32_MAX : 2;
	head->nr_rules = wrong == LENGTH ? 1 : 2;
	head->status = wrong == STATUS ? -ENODATA : 0;
	strcpy(head->path, "/lib/libc.so.6");
	if (wrong == OPEN_TEXT)
		memset(head->path, 'x', sizeof(head->path));
	if (wrong == METHOD)
		rules[1].cfa = NR_UNWIND_CFAS;
	if (wrong == SITES)
		rows[0].rule = 2;
	memcpy(head + 1, rows, sizeof(rows));
	memcpy((uint8_t *)(head + 1) + sizeof(rows), rules, sizeof(rules));
	reply->size = sizeof(*head) + sizeof(rows) + sizeof(rules) - (wrong == SHORT);
}

static void handle_functions(void *state, const void *request, size_t size,
			     struct inspect_reply *reply)
{
	struct function_name *names = (struct function_name *)reply->bytes;

	memset(names, 0, 2 * sizeof(*names));
	strcpy(names[1].name, wrong == CONTROL_TEXT ? "\033[2J" : "PyList_New");
	if (wrong == OPEN_TEXT)
		memset(names[1].name, 'x', sizeof(names[1].name));
	reply->size = (wrong == COUNT ? 1 : 2) * sizeof(*names) - (wrong == SHORT);
}

#define MOST 400000

static const struct inspect_kind kinds[NR_INSPECT_TARGETS] = {
	[INSPECT_PLACE] = { "", MOST, MOST, handle_place },
	[INSPECT_FORESEE] = { "", MOST, MOST, handle_foresee },
	[INSPECT_FILE] = { "", MOST, MOST, handle_file },
	[INSPECT_FRAMES] = { "", MOST, MOST, handle_frames },
	[INSPECT_CODE] = { "", MOST, MOST, handle_code },
	[INSPECT_OBJECTS] = { "", MOST, MOST, handle_objects },
	[INSPECT_NAME] = { "", MOST, MOST, handle_name },
	[INSPECT_LINES] = { "", MOST, MOST, handle_lines },
	[INSPECT_PROCESS] = { "", MOST, MOST, handle_process },
	[INSPECT_VARIABLE] = { "", MOST, MOST, handle_variable },
	[INSPECT_HEAP] = { "", MOST, MOST, handle_heap },
	[INSPECT_CENSUS] = { "", MOST, MOST, handle_census },
	[INSPECT_MALLOC] = { "", MOST, MOST, handle_malloc },
	[INSPECT_QUEUES] = { "", MOST, MOST, handle_queues },
	[INSPECT_MIMALLOC] = { "", MOST, MOST, handle_mimalloc },
	[INSPECT_UNWIND] = { "", MOST, MOST, handle_unwind },
	[INSPECT_FUNCTIONS] = { "", MOST, MOST, handle_functions },
};

static const struct inspect_service service = { kinds, NR_INSPECT_TARGETS, NULL };

static int ask_place(struct inspector *inspector)
{
	struct interpreter_cache *cache = interpreter_cache_new();
	struct python_place place = { 0 };
	int status = inspect_place(inspector, 1, cache, &place);

	assert_int_equal(interpreter_cache_count(cache), !status);
	if (!status)
		assert_string_equal(place.path, "/usr/bin/python3");
	python_place_clear(&place);
	interpreter_cache_free(cache);
	return status;
}

static int ask_foresee(struct inspector *inspector)
{
	struct interpreter_cache *cache = interpreter_cache_new();
	int status = inspect_foresee(inspector, "python3", "/usr/bin", NULL, cache);

	assert_int_equal(interpreter_cache_count(cache), !status);
	interpreter_cache_free(cache);
	return status;
}

static int ask_file(struct inspector *inspector)
{
	int fd = inspect_file(inspector, 1, (struct file_identity){ 0 });

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int ask_frames(struct inspector *inspector)
{
	const struct wire_layout layout = { 0 };
	struct python_frame *frames;
	int status = inspect_frames(inspector, 1, 0, &layout, &frames);

	if (status >= 0)
		assert_int_equal(status, 2);
	assert_int_equal(!frames, status < 0);
	free(frames);
	return status < 0 ? status : 0;
}

static int ask_code(struct inspector *inspector)
{
	const struct wire_layout layout = { 0 };
	struct inspected_code code = { 0 };
	int status = inspect_code(inspector, 1, &layout, 0, &code);

	free(code.file);
	free(code.name);
	return status;
}

static int ask_objects(struct inspector *inspector)
{
	_cleanup_(freep) struct inspect_objects_request *request = xcalloc(1, sizeof(*request));
	char *names[2];
	int status;

	request->count = 2;
	status = inspect_object_names(inspector, request, names);
	if (!status) {
		assert_null(names[1]);
		status = names[0] && !strcmp(names[0], "abc") ? 0 : -EPROTO;
	}
	free(names[0]);
	free(names[1]);
	return status;
}

static int ask_name(struct inspector *inspector)
{
	_cleanup_(freep) struct inspect_name_request *request = xcalloc(1, sizeof(*request));
	_cleanup_(freep) char *name = NULL;

	return inspect_qualified_name(inspector, request, &name);
}

static int ask_lines(struct inspector *inspector)
{
	_cleanup_(freep) struct inspect_lines_request *request = xcalloc(1, sizeof(*request));
	struct source_line line = { .number = 1 };
	uint64_t bytes;
	int status;

	request->count = 1;
	status = inspect_source_lines(inspector, request, &line, &bytes);
	if (!status)
		assert_int_equal(strlen(line.text), SOURCE_LINE_BYTES - 1);
	return status;
}

static int ask_process(struct inspector *inspector)
{
	struct inspect_process process;

	return inspect_process(inspector, 1, &process);
}

static int ask_variable(struct inspector *inspector)
{
	_cleanup_(freep) char *value = NULL;

	return inspect_variable(inspector, 1, "PATH", &value);
}

static int ask_heap(struct inspector *inspector)
{
	struct heap_inside inside = { .malloc_used = 7 };
	int status = inspect_heap(inspector, 1, 1, &inside);

	assert_int_equal(inside.malloc_used, status ? 7 : 5);
	return status;
}

static int ask_census(struct inspector *inspector)
{
	struct census census = { .objects = 7 };
	const struct census_question question = { .pid = 1, .budget_ns = 1 };
	int status = inspect_census(inspector, &question, &census);

	assert_int_equal(census.objects, status ? 7 : 5);
	if (!status)
		census_free(&census);
	return status;
}

static int ask_malloc(struct inspector *inspector)
{
	struct malloc_file files[MAX_MALLOC_FILES];
	size_t count;
	int status = inspect_malloc(inspector, 1, files, &count);

	assert_int_equal(count, !status);
	return status;
}

static int ask_mimalloc(struct inspector *inspector)
{
	bool has_mimalloc = false;
	int status = inspect_mimalloc(inspector, 1, &has_mimalloc);

	assert_int_equal(has_mimalloc, !status);
	return status;
}

static int ask_queues(struct inspector *inspector)
{
	const struct interpreter_entry entry = { .path = "/usr/bin/python3" };
	struct queue_plan plan = { 0 };
	int fd = inspect_queues(inspector, 1, &entry, QUEUE_IN_MODULE, &plan);

	if (fd < 0)
		return fd;
	close(fd);
	assert_int_equal(plan.nr_sites, 1);
	return 0;
}

static int ask_unwind(struct inspector *inspector)
{
	struct inspected_unwind unwind = { .status = 7 };
	int status = inspect_unwind(inspector, 1, 0x1000, (struct file_identity){ 0 }, &unwind);

	if (status)
		return status;
	assert_int_equal(unwind.status, 0);
	assert_int_equal(unwind.table.nr_rows, 2);
	assert_int_equal(unwind.table.rules[1].cfa, UNWIND_CFA_RSP);
	inspected_unwind_clear(&unwind);
	return 0;
}

static int ask_functions(struct inspector *inspector)
{
	const struct inspect_functions_request request = { .count = 2 };
	struct function_name names[2] = { 0 };
	int status = inspect_functions(inspector, &request, names);

	assert_string_equal(names[1].name, status ? "" : "PyList_New");
	return status;
}

/* What each kind must notice; NOTHING ends a list. */
static const struct {
	int (*ask)(struct inspector *inspector);
	int wrongs[12];
} cases[] = {
	{ ask_place,
	  { SHORT, OPEN_TEXT, CONTROL_TEXT, SITES, FRAME, METHOD, OFFSET, VERSION, ENDS, STATUS } },
	{ ask_foresee,
	  { SHORT, OPEN_TEXT, CONTROL_TEXT, SITES, FRAME, METHOD, OFFSET, VERSION, ENDS, STATUS } },
	{ ask_file, { NO_FILE, DIRECTORY } },
	{ ask_queues, { SHORT, SITES, METHOD, NO_FILE, DIRECTORY } },
	{ ask_mimalloc, { SHORT } },
	{ ask_unwind,
	  { SHORT, OPEN_TEXT, NO_FILE, FRAME, COUNT, LENGTH, STATUS, OFFSET, METHOD, SITES } },
	{ ask_functions, { SHORT, COUNT, OPEN_TEXT, CONTROL_TEXT } },
	{ ask_frames, { SHORT } },
	{ ask_code, { SHORT, OPEN_TEXT } },
	{ ask_objects, { SHORT, COUNT, LENGTH, NUL_INSIDE } },
	{ ask_name, { SHORT, NUL_INSIDE } },
	{ ask_lines, { SHORT } },
	{ ask_process, { SHORT, LENGTH } },
	{ ask_variable, { SHORT, NUL_INSIDE } },
	{ ask_heap, { SHORT, OPEN_TEXT, CONTROL_TEXT, STATUS, AMOUNT, PART } },
	{ ask_census, { SHORT, LENGTH } },
	{ ask_malloc,
	  { SHORT, OPEN_TEXT, CONTROL_TEXT, SITES, FRAME, METHOD, STATUS, COUNT, LENGTH } },
};

static int ask_wrong(size_t index, int how)
{
	struct inspector *inspector;
	int status;

	wrong = how;
	inspector = inspector_new(&service);
	status = cases[index].ask(inspector);
	inspector_free(inspector);
	return status;
}

static void takes_good_answers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(ask_wrong(i, NOTHING), 0);
}

static void refuses_wrong_answers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t w = 0; cases[i].wrongs[w]; w++)
			if (ask_wrong(i, cases[i].wrongs[w]) != -EPROTO)
				fail_msg("kind %zu takes wrong %d", i, cases[i].wrongs[w]);
}

/* ---- A file that changes all the time ---- */

static void inspects_a_file_some_times_only(void **state)
{
	struct interpreter_cache *cache = interpreter_cache_new();
	char path[] = "/tmp/memprobe-changing-XXXXXX";
	_cleanup_(closep) int fd = mkstemp(path);
	const struct file_identity file = { 1, 2 };
	size_t index;

	for (int i = 0; i < 1000; i++) {
		const struct timespec times[2] = { { i, 0 }, { i, i } };

		assert_int_equal(futimens(fd, times), 0);
		usleep(i < 20 ? 10000 : 0); /* a clock tick, so that its ctime is another */
		assert_int_equal(
			interpreter_cache_inspect(cache, fd, file, INTERPRETER_ANY, &index),
			-ENOENT);
	}
	assert_in_range(interpreter_cache_count(cache), 2, 8);
	unlink(path);
	interpreter_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_good_answers),
		cmocka_unit_test(refuses_wrong_answers),
		cmocka_unit_test(inspects_a_file_some_times_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
