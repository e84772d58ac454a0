/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records a running Python for test_recorded.c: `record_python FILE COMMAND [ARG...]` starts an
 * interpreter with the program of recording.h, waits until it stands still, and writes the pages
 * of its private writable mappings that are present, as they would be for a BPF program: what was
 * never touched is missing. Exits with 77 and a reason where that is not possible.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "offset_table.h"
#include "memory.h"
#include "python_memory.h"
#include "python_place.h"
#include "recording.h"

#define SKIPPED 77
#define MAX_WORDS 32
#define PAGEMAP_PRESENT (1ULL << 63)

struct recorder {
	pid_t pid;
	int in, out; /* of the Python */
	int memory, pagemap;
	FILE *file;
	struct recording_head head;
};

__attribute__((noreturn)) static void skip(const char *reason)
{
	printf("skipped: %s\n", reason);
	exit(SKIPPED);
}

static void start(struct recorder *recorder, char *const *words)
{
	char *command[MAX_WORDS] = { NULL };
	int in[2], out[2], count = 0;

	for (; words[count] && count < MAX_WORDS - 3; count++)
		command[count] = words[count];
	command[count++] = (char *)"-c";
	command[count] = (char *)recording_program;
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		skip("no pipes");
	recorder->pid = fork();
	if (!recorder->pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execvp(command[0], command);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	recorder->in = in[1];
	recorder->out = out[0];
}

/* Does every thread of a process wait for something? */
static bool is_asleep(pid_t pid)
{
	char path[64], text[512] = "";
	struct dirent *entry;
	bool asleep = true;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		skip("the interpreter has ended");
	while (asleep && (entry = readdir(tasks)) != NULL) {
		char stat[320];
		FILE *file;

		snprintf(stat, sizeof(stat), "%s/%.200s/stat", path, entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(stat, "r");
		if (!file)
			continue;
		asleep = fgets(text, sizeof(text), file) && strstr(text, ") S ");
		fclose(file);
	}
	closedir(tasks);
	return asleep;
}

static void await_stops(const struct recorder *recorder)
{
	char byte;

	for (int i = 0; i < RECORDING_STOPS; i++)
		if (read(recorder->out, &byte, 1) != 1)
			skip("the interpreter does not start");
	while (!is_asleep(recorder->pid)) /* from write() to read() */
		usleep(1000);
}

static void find_interpreter(struct recorder *recorder)
{
	struct interpreter_cache *cache = interpreter_cache_new();
	struct python_place place = { 0 };

	if (python_place_find(recorder->pid, cache, &place))
		skip("no interpreter is found that can be walked");
	recorder->head.layout = interpreter_cache_at(cache, place.index)->interpreter.layout;
	offset_table_measure(&recorder->head.layout);
	recorder->head.bias = place.bias;
	python_place_clear(&place);
	interpreter_cache_free(cache);
}

/* Stops a thread for good. */
static void stop_thread(struct recorder *recorder, pid_t tid)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ||
	    waitpid(tid, NULL, __WALL) != tid || ptrace(PTRACE_GETREGS, tid, NULL, &registers))
		skip("ptrace is not allowed");
	if (recorder->head.nr_threads < RECORDING_THREADS)
		recorder->head.fsbases[recorder->head.nr_threads++] = registers.fs_base;
}

static void stop_other_threads(struct recorder *recorder)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%d/task", recorder->pid);
	DIR *directory = opendir(path);
	const struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid > 0 && tid != recorder->pid)
			stop_thread(recorder, tid);
	}
	if (directory)
		closedir(directory);
}

static int open_proc(const struct recorder *recorder, const char *name)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%d/%s", recorder->pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		skip("its memory cannot be opened");
	return fd;
}

static void record_page(struct recorder *recorder, uint64_t address)
{
	static const char zeroes[RECORDING_PAGE];
	char bytes[RECORDING_PAGE];
	bool is_zero;

	if (pread(recorder->memory, bytes, sizeof(bytes), (off_t)address) != sizeof(bytes))
		return;
	is_zero = !memcmp(bytes, zeroes, sizeof(bytes));
	address |= is_zero ? RECORDING_ZEROES : 0;
	fwrite(&address, sizeof(address), 1, recorder->file);
	if (!is_zero)
		fwrite(bytes, sizeof(bytes), 1, recorder->file);
	recorder->head.nr_pages++;
}

static void record_range(struct recorder *recorder, uint64_t start, uint64_t end)
{
	for (uint64_t address = start; address < end; address += RECORDING_PAGE) {
		uint64_t entry = 0;

		if (pread(recorder->pagemap, &entry, sizeof(entry),
			  (off_t)(address / RECORDING_PAGE * sizeof(entry))) == sizeof(entry) &&
		    entry & PAGEMAP_PRESENT)
			record_page(recorder, address);
	}
}

static void record_mappings(struct recorder *recorder)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%d/maps", recorder->pid);
	FILE *maps = fopen(path, "re");
	char line[4096];

	while (maps && fgets(line, sizeof(line), maps)) {
		uint64_t start, end;
		char *next;

		start = strtoull(line, &next, 16);
		end = strtoull(next + 1, &next, 16);
		if (!strncmp(next, " rw-p", 5) || !strncmp(next, " rwxp", 5))
			record_range(recorder, start, end);
	}
	if (maps)
		fclose(maps);
}

static int write_recording(struct recorder *recorder, const char *path)
{
	recorder->file = fopen(path, "wbe");
	if (!recorder->file)
		return -errno;
	fwrite(&recorder->head, sizeof(recorder->head), 1, recorder->file);
	record_mappings(recorder);
	rewind(recorder->file);
	fwrite(&recorder->head, sizeof(recorder->head), 1, recorder->file);
	return fclose(recorder->file) ? -errno : 0;
}

int main(int argc, char **argv)
{
	struct recorder recorder = { .head.magic = RECORDING_MAGIC };
	int err;

	if (argc < 3) {
		fprintf(stderr, "usage: record_python FILE COMMAND [ARG...]\n");
		return 2;
	}
	start(&recorder, argv + 2);
	await_stops(&recorder);
	find_interpreter(&recorder);
	stop_thread(&recorder, recorder.pid);
	stop_other_threads(&recorder);
	recorder.memory = open_proc(&recorder, "mem");
	recorder.pagemap = open_proc(&recorder, "pagemap");
	err = write_recording(&recorder, argv[1]);
	kill(recorder.pid, SIGKILL);
	if (err)
		fprintf(stderr, "cannot write '%s': %s\n", argv[1], strerror(-err));
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
