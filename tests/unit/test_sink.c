/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that get their name at the end, errors that stick; and the JSON that goes there. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "json_writer.h"
#include "memory.h"
#include "name_pattern.h"
#include "same_output.h"
#include "sink.h"
#include "stream.h"

#define LARGE 200000

static char folder[] = "/tmp/memprobe-sink-XXXXXX";

static int enter_folder(void **state)
{
	return !mkdtemp(folder) || chdir(folder);
}

static int leave_folder(void **state)
{
	return chdir("/") || rmdir(folder);
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_content(const char *path, const char *expected)
{
	char text[256] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) == strlen(expected));
	fclose(file);
	assert_string_equal(text, expected);
}

static void test_name_comes_last(void **state)
{
	struct sink sink;

	assert_int_equal(sink_open(&sink, "out", false), 0);
	sink_text(&sink, "text ");
	sink_printf(&sink, "%d", 7);
	assert_int_equal(access("out", F_OK), -1);
	assert_int_equal(sink_close(&sink), 0);
	assert_content("out", "text 7");
	assert_int_equal(unlink("out"), 0);
}

static void test_existing(void **state)
{
	struct sink sink;

	put("out", "old");
	assert_int_equal(sink_open(&sink, "out", false), -EEXIST);
	assert_int_equal(sink_open(&sink, "out", true), 0);
	sink_text(&sink, "new");
	assert_content("out", "old");
	assert_int_equal(sink_close(&sink), 0);
	assert_content("out", "new");
	assert_int_equal(unlink("out"), 0);
}

/* Made by somebody else in the meantime. */
static void test_existing_at_the_end(void **state)
{
	struct sink sink;

	assert_int_equal(sink_open(&sink, "out", false), 0);
	put("out", "other");
	assert_int_equal(sink_close(&sink), -EEXIST);
	assert_content("out", "other");
	assert_int_equal(unlink("out"), 0);
}

/* Whoever owns a part of the path has it lead to another's directory while the report is written.
 */
static void test_swapped_directory(void **state)
{
	for (int force = 0; force < 2; force++) {
		struct sink sink;

		assert_int_equal(mkdir("place", 0755), 0);
		assert_int_equal(mkdir("victim", 0755), 0);
		put("victim/out", "old");
		assert_int_equal(sink_open(&sink, "place/out", force), 0);
		sink_text(&sink, "new");
		assert_int_equal(rename("place", "moved"), 0);
		assert_int_equal(symlink("victim", "place"), 0);
		assert_int_equal(sink_close(&sink), 0);
		assert_content("victim/out", "old");
		assert_content("moved/out", "new");
		assert_int_equal(unlink("victim/out"), 0);
		assert_int_equal(unlink("moved/out"), 0);
		assert_int_equal(unlink("place"), 0);
		assert_int_equal(rmdir("victim"), 0);
		assert_int_equal(rmdir("moved"), 0);
	}
}

static void test_link(void **state)
{
	struct sink sink;

	put("file", "old");
	assert_int_equal(symlink("file", "out"), 0);
	assert_int_equal(sink_open(&sink, "out", false), -ELOOP);
	assert_int_equal(sink_open(&sink, "out", true), 0);
	sink_text(&sink, "new");
	assert_int_equal(sink_close(&sink), 0);
	assert_content("file", "old");
	assert_content("out", "new");
	assert_int_equal(unlink("out"), 0);
	assert_int_equal(unlink("file"), 0);
}

static void test_what_is_no_file(void **state)
{
	struct sink sink;

	assert_int_equal(sink_open(&sink, "/", true), -EISDIR);
	assert_int_equal(sink_open(&sink, "/dev/full", true), -EINVAL);
	assert_int_equal(sink_open(&sink, "no/such/folder", false), -ENOENT);
	assert_int_equal(sink_check("no/such/folder", false), -ENOENT);
}

/* ---- Streams ---- */

static void write_stream(const char *path)
{
	struct sink sink;

	assert_true(stream_is_named(path));
	assert_int_equal(sink_check(path, false), 0);
	assert_int_equal(sink_open(&sink, path, true), 0);
	sink_text(&sink, "text");
	assert_int_equal(sink_close(&sink), 0);
}

static void test_streams_are_written_to(void **state)
{
	char name[32], got[16] = "";
	struct stat there;
	int ends[2], reader;

	write_stream("/dev/null");
	assert_int_equal(stat("/dev/null", &there), 0);
	assert_true(S_ISCHR(there.st_mode));

	assert_int_equal(pipe(ends), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[1]);
	write_stream(name);
	assert_int_equal(read(ends[0], got, sizeof(got)), 4);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(sink_check(name, false), -EBADF);

	assert_int_equal(mkfifo("fifo", 0600), 0);
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	write_stream("fifo");
	assert_int_equal(read(reader, got, sizeof(got)), 4);
	close(reader);
	assert_int_equal(lstat("fifo", &there), 0);
	assert_true(S_ISFIFO(there.st_mode));
	assert_int_equal(unlink("fifo"), 0);
}

/* A FIFO that nobody reads is waited for, and left when a blocked signal says so. */
static void test_fifo_without_reader(void **state)
{
	struct sink sink;
	sigset_t mask, old;
	int unused;

	assert_int_equal(mkfifo("fifo", 0600), 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &mask, &old), 0);
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(sink_open(&sink, "fifo", false), -EINTR);
	assert_int_equal(sigwait(&mask, &unused), 0);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	assert_int_equal(unlink("fifo"), 0);
}

static void test_names_of_streams(void **state)
{
	static const char *const streams[] = { "-",	    "/dev/stdout",     "/dev/stderr",
					       "/dev/fd/0", "/proc/self/fd/2", "/dev/null" };
	static const char *const others[] = {
		"",	      "--",	   "out", "/dev/fd/",	  "/dev/fd/x",
		"/dev/fd/1x", "/dev/full", "./-", "/proc/1/fd/2", "/dev/fd/99999999999"
	};

	for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
		assert_true(stream_is_named(streams[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(stream_is_named(others[i]));
}

/* ---- Names with places ---- */

static void test_name_patterns(void **state)
{
	const struct name_values values = { .pid = 4711, .host = "a/b", .time_s = 1700000000 };
	static const struct {
		const char *pattern, *wanted;
	} cases[] = {
		{ "x.raw", "x.raw" },
		{ "%p", "4711" },
		{ "d-%p/%h.%t", "d-4711/a_b.1700000000" },
		{ "100%%%p%", "100%4711%" },
		{ "%d%%p", "%d%p" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *got = name_pattern_fill(cases[i].pattern, &values);

		assert_string_equal(got, cases[i].wanted);
		assert_int_equal(name_pattern_is(cases[i].pattern), i > 0);
	}
}

static void test_same_outputs(void **state)
{
	static const struct {
		const char *one, *other;
		bool is_same;
	} cases[] = {
		{ "new", "new", true },
		{ "new", "./new", true },
		{ "new", ".//d/../new", true },
		{ "d/new", "alias/new", true },
		{ "nowhere/%h", "nowhere/%h", true },
		{ "file", "soft", true },
		{ "file", "d/hard", true },
		{ "-", "/dev/stdout", true },
		{ "new", "d/new", false },
		{ "new", "newer", false },
		{ "new", "nowhere/new", false },
		{ "file", "new", false },
		{ "file", "-", false },
		{ "/dev/null", "/dev/../dev/null", false },
	};

	put("file", "old");
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(symlink("d", "alias"), 0);
	assert_int_equal(symlink("file", "soft"), 0);
	assert_int_equal(link("file", "d/hard"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("%s and %s\n", cases[i].one, cases[i].other);
		assert_int_equal(same_output(cases[i].one, cases[i].other), cases[i].is_same);
		assert_int_equal(same_output(cases[i].other, cases[i].one), cases[i].is_same);
	}
	unlink("d/hard");
	unlink("soft");
	unlink("alias");
	unlink("file");
	rmdir("d");
}

static void test_abandon(void **state)
{
	struct sink sink;

	assert_int_equal(sink_open(&sink, "out", false), 0);
	sink_text(&sink, "text");
	sink_abandon(&sink);
	/* leave_folder fails if anything is left */
}

static void test_disk_full(void **state)
{
	struct sink sink;
	int fd = open("/dev/full", O_WRONLY);

	sink_attach(&sink, fd);
	sink_text(&sink, "text");
	assert_int_equal(sink_close(&sink), -ENOSPC);
	close(fd);
}

static void test_reader_gone(void **state)
{
	struct sink sink;
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	sink_attach(&sink, ends[1]);
	sink_fill(&sink, 'x', LARGE);
	assert_int_equal(sink.error, -EPIPE);
	assert_int_equal(sink_close(&sink), -EPIPE);
	close(ends[1]);
}

/* On a terminal a line is no longer than it is wide, whatever stands in it. */
static void test_long_words(void **state)
{
	struct sink sink;
	int fd = open("lines", O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	sink_attach(&sink, fd);
	sink.columns = 24;
	sink_text(&sink, "  1.00 MB  a_name_that_is_longer_than_a_line < main\n");
	sink_text(&sink, "another_name_that_is_longer\n");
	assert_int_equal(sink_close(&sink), 0);
	close(fd);
	assert_content("lines", "  1.00 MB\n"
				"      a_name…than_a_line\n"
				"      < main\n"
				"another_…_that_is_longer\n");
	assert_int_equal(unlink("lines"), 0);
}

static void test_large_pieces(void **state)
{
	_cleanup_(freep) char *piece = xcalloc(LARGE + 1, 1);
	struct stat there;
	struct sink sink;

	memset(piece, 'x', LARGE);
	assert_int_equal(sink_open(&sink, "out", false), 0);
	sink_text(&sink, "a");
	sink_text(&sink, piece);
	sink_printf(&sink, "%s", piece);
	assert_int_equal(sink_close(&sink), 0);
	assert_int_equal(stat("out", &there), 0);
	assert_int_equal(there.st_size, 2 * LARGE + 1);
	assert_int_equal(unlink("out"), 0);
}

/* ---- JSON ---- */

static struct json_writer begin_json(struct sink *sink)
{
	struct json_writer json;

	assert_int_equal(sink_open(sink, "json", true), 0);
	json_writer_init(&json, sink);
	return json;
}

static void end_json(struct sink *sink, const char *expected)
{
	assert_int_equal(sink_close(sink), 0);
	assert_content("json", expected);
	assert_int_equal(unlink("json"), 0);
}

static void test_json_commas(void **state)
{
	struct sink sink;
	struct json_writer json = begin_json(&sink);

	json_writer_begin_object(&json);
	json_writer_key(&json, "a");
	json_writer_begin_array(&json);
	json_writer_begin_array(&json);
	json_writer_end_array(&json);
	json_writer_integer(&json, -5);
	json_writer_line(&json);
	json_writer_null(&json);
	json_writer_end_array(&json);
	json_writer_key(&json, "b");
	json_writer_bool(&json, true);
	json_writer_member_string(&json, "c", NULL);
	json_writer_end_object(&json);
	end_json(&sink, "{\"a\":[[],-5,\nnull],\"b\":true,\"c\":null}");
}

static void test_json_strings(void **state)
{
	struct sink sink;
	struct json_writer json = begin_json(&sink);

	json_writer_begin_array(&json);
	json_writer_string(&json, "\"\\\n\x01");
	json_writer_string(
		&json, "gr\xc3\xb6\xc3\x9f\xf0\x9f\x9a\x80\xe2\x80\xae\xc2\x9b\xf3\xa0\x80\x81");
	json_writer_string(&json, "\xff\xed\xa0\x80");
	json_writer_string(&json, "");
	json_writer_end_array(&json);
	end_json(&sink, "[\"\\\"\\\\\\u000a\\u0001\","
			"\"gr\xc3\xb6\xc3\x9f\xf0\x9f\x9a\x80\\u202e\\u009b\\udb40\\udc01\","
			"\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"\"]");
}

/* Cut where it takes too many bytes as it is written, at a character. */
static void test_json_names(void **state)
{
	static const struct {
		const char *character;
		size_t written, count; /* bytes as JSON, and how many fit */
	} cases[] = { { "x", 1, 1024 }, { "\xc3\xb6", 2, 512 }, { "\x01", 6, 170 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t more = 0; more < 2; more++) {
			struct json_writer json;
			struct stat there;
			struct sink sink;
			char name[2048] = "";

			for (size_t k = 0; k < cases[i].count + more; k++)
				strcat(name, cases[i].character);
			json = begin_json(&sink);
			json_writer_name(&json, name);
			assert_int_equal(json.nr_cut, more);
			assert_int_equal(sink_close(&sink), 0);
			assert_int_equal(stat("json", &there), 0);
			assert_int_equal(there.st_size, cases[i].written * cases[i].count + 2 +
								more * strlen("…"));
			assert_int_equal(unlink("json"), 0);
		}
	}
}

static void test_json_nesting(void **state)
{
	struct sink sink;
	struct json_writer json = begin_json(&sink);

	json_writer_begin_array(&json);
	json_writer_begin_object(&json);
	json_writer_end_object(&json);
	json_writer_begin_object(&json);
	json_writer_end_object(&json);
	json_writer_end_array(&json);
	json_writer_end_line(&json);
	json_writer_integer(&json, 1);
	json_writer_end_line(&json);
	assert_int_equal(json.deepest, 2);
	assert_int_equal(json.depth, 0);
	end_json(&sink, "[{},{}]\n1\n");
}

static void test_json_numbers(void **state)
{
	static const uint64_t times[] = { 0, 1, 10000000, 1250000000, 3000000000, UINT64_MAX };
	struct sink sink;
	struct json_writer json = begin_json(&sink);

	json_writer_begin_array(&json);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		json_writer_seconds(&json, times[i]);
	json_writer_integer(&json, INT64_MIN);
	json_writer_end_array(&json);
	end_json(&sink, "[0.0,0.000000001,0.01,1.25,3.0,18446744073.709551615,"
			"-9223372036854775808]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_comes_last),
		cmocka_unit_test(test_existing),
		cmocka_unit_test(test_existing_at_the_end),
		cmocka_unit_test(test_swapped_directory),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_what_is_no_file),
		cmocka_unit_test(test_same_outputs),
		cmocka_unit_test(test_abandon),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_reader_gone),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_large_pieces),
		cmocka_unit_test(test_json_commas),
		cmocka_unit_test(test_json_strings),
		cmocka_unit_test(test_json_numbers),
		cmocka_unit_test(test_streams_are_written_to),
		cmocka_unit_test(test_fifo_without_reader),
		cmocka_unit_test(test_names_of_streams),
		cmocka_unit_test(test_name_patterns),
		cmocka_unit_test(test_json_names),
		cmocka_unit_test(test_json_nesting),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
