/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the objects of a running Python from outside: `read_objects COMMAND [ARG...]` starts it,
 * with tests/targets/objects.py as its program, and compares what it says of its objects with what
 * python_object and python_string read. Prints the differences, the number of objects of each kind,
 * and how long an attribute takes. Fails when there was a difference.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"
#include "python_object.h"
#include "python_place.h"
#include "python_string.h"

#define MAX_CASES 65536
#define MAX_TEXT 4096
#define ROUNDS 2000

struct line {
	char *kind;
	uint64_t address;
	char *label;
	char *argument;
	char *expected;
};

struct session {
	pid_t pid;
	int in; /* of the Python */
	FILE *out;
	struct python_reader reader;
	struct process_memory memory;
	char *lines[MAX_CASES];
	size_t nr_lines, nr_differences, nr_reads;
};

__attribute__((noreturn)) static void fail(const char *what)
{
	printf("%s\n", what);
	exit(EXIT_FAILURE);
}

static void start(struct session *session, char **command)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		fail("no pipes");
	session->pid = fork();
	if (!session->pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execvp(command[0], command);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	session->in = in[1];
	session->out = fdopen(out[0], "r");
}

static void read_lines(struct session *session)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	while ((length = getline(&line, &size, session->out)) > 0) {
		line[length - 1] = '\0';
		if (!strcmp(line, "end"))
			break;
		if (session->nr_lines == MAX_CASES)
			fail("too many objects");
		session->lines[session->nr_lines++] = xstrdup(line);
	}
	free(line);
	if (length <= 0)
		fail("the program ended before its end");
}

static void find_interpreter(struct session *session)
{
	struct interpreter_cache *cache = interpreter_cache_new();
	struct python_place place = { 0 };

	if (python_place_find(session->pid, cache, &place))
		fail("no interpreter is found that can be walked");
	if (process_memory_open(&session->memory, session->pid))
		fail("its memory cannot be opened");
	if (python_reader_init_process(
		    &session->reader, &interpreter_cache_at(cache, place.index)->interpreter.layout,
		    &session->memory))
		fail("its layout is not known");
	python_place_clear(&place);
	interpreter_cache_free(cache);
}

/* ---- what is expected, what there is: as the lines have it ---- */

static char *answer_text(int err, const char *text)
{
	char *hex, *at;

	if (err) /* strerrorname_np() is younger than some C libraries */
		return xstrdup(err == -ENOENT || err == -ENOMSG ? "ENOENT"
			       : err == -EINVAL			? "EINVAL"
			       : err == -E2BIG			? "E2BIG"
								: strerror(-err));
	hex = at = xmalloc(2 * strlen(text) + 2);
	*at++ = '=';
	for (; *text; text++)
		at += sprintf(at, "%02x", (unsigned char)*text);
	*at = '\0';
	return hex;
}

static char *from_hex(const char *hex)
{
	char *text = xcalloc(strlen(hex) / 2 + 1, 1);

	for (size_t i = 0; i < strlen(hex) / 2; i++) {
		char digits[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		text[i] = (char)strtol(digits, NULL, 16);
	}
	return text;
}

static char *read_attribute(struct session *session, const struct line *line)
{
	_cleanup_(freep) char *name = from_hex(line->argument);
	_cleanup_(freep) char *text = NULL;
	int err = python_object_attribute(&session->reader, line->address, name, &text);

	return answer_text(err, text);
}

static char *read_string(struct session *session, const struct line *line)
{
	_cleanup_(freep) char *text = NULL;
	int err = python_string_read(&session->reader, line->address, MAX_TEXT, &text);

	return answer_text(err, text);
}

/* The module must be right for the name to be told. */
static char *read_type(struct session *session, const struct line *line)
{
	_cleanup_(freep) char *module = from_hex(line->argument);
	struct python_type type = { 0 };
	int err = python_object_type(&session->reader, line->address, &type);
	char *answer;

	if (!err && strcmp(type.module, module) != 0)
		answer = xasprintf("module '%s'", type.module);
	else
		answer = answer_text(err, type.qualname);
	python_type_clear(&type);
	return answer;
}

static char *read_cell(struct session *session, const struct line *line)
{
	uint64_t content = 0;
	int err = python_object_uncell(&session->reader, line->address,
				       strtoull(line->argument, NULL, 16), &content);

	return err ? answer_text(err, NULL) : xasprintf("=0x%" PRIx64, content);
}

static double now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return 1e6 * (double)time.tv_sec + 1e-3 * (double)time.tv_nsec;
}

static int count_read(void *context, uint64_t address, void *to, size_t size)
{
	struct session *session = context;
	struct python_reader process;
	int err = python_reader_init_process(&process, &session->reader.wire, &session->memory);

	session->nr_reads++;
	return err ? err : process.read(process.context, address, to, size);
}

static char *measure(struct session *session, const struct line *line)
{
	struct python_reader counting = session->reader;
	_cleanup_(freep) char *name = from_hex(line->argument);
	char *text = NULL;
	double start = now_us();

	for (int i = 0; i < ROUNDS; i++) {
		python_object_attribute(&session->reader, line->address, name, &text);
		free(TAKE(text));
	}
	start = now_us() - start;
	session->nr_reads = 0;
	counting.read = count_read;
	counting.context = session;
	python_object_attribute(&counting, line->address, name, &text);
	free(text);
	printf("%s: %.1f us, %zu reads\n", line->label, start / ROUNDS, session->nr_reads);
	return read_attribute(session, line);
}

/* A question may come between two changes. That an answer is another attribute's takes memory that
 * was freed and filled again within some microseconds: never seen, not impossible. */
static char *watch(struct session *session, const struct line *line)
{
	size_t nr_answers = 0, nr_wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		_cleanup_(freep) char *answer = read_attribute(session, line);

		nr_answers += *answer == '=';
		nr_wrong += *answer == '=' && !strstr(line->expected, answer);
	}
	printf("%s: %zu answers, %zu wrong\n", line->label, nr_answers, nr_wrong);
	return nr_wrong > ROUNDS / 1000 ? xstrdup("another attribute's value")
					: xstrdup(line->expected);
}

static const struct kind {
	const char *name;
	char *(*read)(struct session *session, const struct line *line);
} kinds[] = {
	{ "attribute", read_attribute }, { "type", read_type }, { "string", read_string },
	{ "uncell", read_cell },	 { "speed", measure },	{ "busy", watch },
};

static size_t nr_read[ARRAY_SIZE(kinds)];

static void check(struct session *session, const struct line *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_(freep) char *got = NULL;

		if (strcmp(kinds[i].name, line->kind) != 0)
			continue;
		nr_read[i]++;
		got = kinds[i].read(session, line);
		if (!strcmp(got, line->expected))
			return;
		session->nr_differences++;
		printf("%s '%s': expected %.100s, got %.100s\n", line->kind, line->label,
		       line->expected, got);
		return;
	}
	fail("a kind that is not known");
}

static void check_all(struct session *session)
{
	for (size_t i = 0; i < session->nr_lines; i++) {
		char *next = session->lines[i];
		struct line line = { .kind = strsep(&next, "\t") };

		line.address = strtoull(next, &next, 16);
		next++;
		line.label = strsep(&next, "\t");
		line.argument = strsep(&next, "\t");
		line.expected = next;
		if (!next)
			fail("a line that is not understood");
		if (!strcmp(line.kind, "busy") && write(session->in, "\n", 1) != 1)
			fail("the program ended");
		check(session, &line);
		free(session->lines[i]);
	}
}

static void finish(struct session *session)
{
	int status;

	close(session->in);
	fclose(session->out);
	if (waitpid(session->pid, &status, 0) != session->pid || status)
		fail("the program failed");
}

int main(int argc, char **argv)
{
	static struct session session;

	if (argc < 2) {
		fprintf(stderr, "usage: read_objects COMMAND [ARG...]\n");
		return 2;
	}
	start(&session, argv + 1);
	read_lines(&session);
	find_interpreter(&session);
	check_all(&session);
	finish(&session);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		printf("%s %zu, ", kinds[i].name, nr_read[i]);
	printf("%zu differences\n", session.nr_differences);
	return session.nr_differences ? EXIT_FAILURE : EXIT_SUCCESS;
}
