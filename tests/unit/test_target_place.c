/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds and walks real interpreters: every Python that tools/interpreters lists is started with a
 * program that stops at known places; python_place finds it, and its frames are walked from outside
 * with nothing but the layout, as the BPF side does it. Checked: function names in a main and in a
 * second thread, the sign of finalization, and that the generation moves when code objects do.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory.h"
#include "python_place.h"

#define MAX_WORDS 16
#define MAX_INTERPRETERS 64

/* Each stop writes a byte and waits for one. Escapes: a name in Latin-1, one beyond the BMP's first
 * 256 characters. */
static const char program[] = "import marshal, os, threading\n"
			      "def stop(write=os.write, read=os.read):\n"
			      "    write(1, b'!')\n"
			      "    read(0, 1)\n"
			      "def inner(n):\n"
			      "    return inner(n - 1) if n else stop()\n"
			      "class Class:\n"
			      "    def method(self):\n"
			      "        return inner(2)\n"
			      "exec('def gr\\xf6sse():\\n    return Class().method()')\n"
			      "exec('def \\u0434\\u0430():\\n    return gr\\xf6sse()')\n"
			      "def outer():\n"
			      "    return globals()['\\u0434\\u0430']()\n"
			      "outer()\n"
			      "thread = threading.Thread(target=outer)\n"
			      "thread.start()\n"
			      "thread.join()\n"
			      "stop()\n"
			      "stop()\n"
			      "code = compile('1', 'f', 'eval')\n"
			      "del code\n"
			      "stop()\n"
			      "code = marshal.loads(marshal.dumps(inner.__code__))\n"
			      "del code\n"
			      "stop()\n"
			      "class Last:\n"
			      "    def __del__(self, stop=stop):\n"
			      "        stop()\n"
			      "last = Last()\n";

static const char *const expected[] = {
	"stop", "inner", "inner", "inner", "method", "gr\xc3\xb6sse", "\xd0\xb4\xd0\xb0", "outer",
};

struct listed {
	char *line; /* what the members point into */
	char *name;
	char *version;
	char *command[MAX_WORDS];
};

static struct listed listed[MAX_INTERPRETERS];
static size_t nr_listed;

static void split_command(char *text, struct listed *ret)
{
	size_t nr_words = 0;
	char *word;

	while ((word = strsep(&text, " ")) && nr_words < MAX_WORDS - 4)
		ret->command[nr_words++] = word;
}

/* NAME, VERSION, KIND, COMMAND, parted by tabs. */
static void add_listed(const char *text)
{
	struct listed *one = &listed[nr_listed];
	char *next = xstrdup(text);

	one->line = next;
	next[strcspn(next, "\n")] = '\0';
	one->name = strsep(&next, "\t");
	one->version = strsep(&next, "\t");
	(void)strsep(&next, "\t");
	if (!next) {
		free(one->line);
		return;
	}
	split_command(next, one);
	nr_listed++;
}

static int list_interpreters(void **state)
{
	FILE *list = popen(MEMPROBE_TOOLS "/interpreters list", "re");
	char line[4096];

	while (list && nr_listed < MAX_INTERPRETERS && fgets(line, sizeof(line), list))
		add_listed(line);
	if (list)
		pclose(list);
	return 0;
}

static int free_interpreters(void **state)
{
	while (nr_listed)
		free(listed[--nr_listed].line);
	return 0;
}

struct target {
	pid_t pid;
	int to;
	int from;
	int memory;
	struct python_place place;
	struct wire_layout layout;
};

static pid_t spawn(char *const *command, int in, int out)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	execvp(command[0], command);
	_exit(127);
}

/* Waits for the next stop. */
static void await_stop(struct target *target)
{
	char byte;

	assert_int_equal(read(target->from, &byte, 1), 1);
}

static void resume(struct target *target)
{
	assert_int_equal(write(target->to, "\n", 1), 1);
}

static void start(const struct listed *interpreter, struct target *target)
{
	char *command[MAX_WORDS];
	int in[2], out[2];
	size_t nr_words = 0;

	for (; interpreter->command[nr_words]; nr_words++)
		command[nr_words] = interpreter->command[nr_words];
	command[nr_words++] = (char *)"-c";
	command[nr_words++] = (char *)program;
	command[nr_words] = NULL;
	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	*target = (struct target){ .to = in[1], .from = out[0] };
	target->pid = spawn(command, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	await_stop(target);
}

static void finish(struct target *target)
{
	int status;

	close(target->to);
	close(target->from);
	close(target->memory);
	waitpid(target->pid, &status, 0);
	python_place_clear(&target->place);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void fetch(const struct target *target, uint64_t address, void *ret, size_t size)
{
	assert_int_equal(pread(target->memory, ret, size, (off_t)address), size);
}

static uint64_t fetch_u64(const struct target *target, uint64_t address)
{
	uint64_t value;

	fetch(target, address, &value, sizeof(value));
	return value;
}

static uint32_t fetch_u32(const struct target *target, uint64_t address)
{
	uint32_t value;

	fetch(target, address, &value, sizeof(value));
	return value;
}

#ifdef __aarch64__

static uint64_t read_thread_pointer(pid_t tid)
{
	uint64_t pointers[2] = { 0 }; /* from Linux 6.3 on a second one */
	struct iovec registers = { pointers, sizeof(pointers) };

	assert_int_equal(ptrace(PTRACE_GETREGSET, tid, NT_ARM_TLS, &registers), 0);
	return pointers[0];
}

/* glibc: the thread's DTV is where it points. struct pthread lies before it, with the first block
 * of slots at 0x110 in it; how long it is this machine's own C library says. */
#define DTV_AT 0
static uint64_t first_block(uint64_t thread)
{
	const uint32_t *bytes = dlsym(RTLD_DEFAULT, "_thread_db_sizeof_pthread");

	assert_non_null(bytes);
	return thread - *bytes + 0x110;
}

#else

static uint64_t read_thread_pointer(pid_t tid)
{
	struct user_regs_struct registers;

	assert_int_equal(ptrace(PTRACE_GETREGS, tid, NULL, &registers), 0);
	return registers.fs_base;
}

/* glibc: struct pthread begins there, with the thread's DTV and the first block of slots. */
#define DTV_AT 8
static uint64_t first_block(uint64_t thread)
{
	return thread + 0x310;
}

#endif

static uint64_t thread_pointer(pid_t tid)
{
	uint64_t pointer;

	assert_int_equal(ptrace(PTRACE_SEIZE, tid, NULL, NULL), 0);
	assert_int_equal(ptrace(PTRACE_INTERRUPT, tid, NULL, NULL), 0);
	assert_int_equal(waitpid(tid, NULL, __WALL), tid);
	pointer = read_thread_pointer(tid);
	assert_int_equal(ptrace(PTRACE_DETACH, tid, NULL, NULL), 0);
	return pointer;
}

/* glibc: a slot is {sequence, value}. */
static uint64_t pthread_slot(uint64_t thread, uint32_t key)
{
	assert_true(key < 32);
	return first_block(thread) + 16ULL * key + 8;
}

/* An entry of glibc's DTV is {block, to free}, one for each module. */
static uint64_t thread_local(const struct target *target, const struct wire_tls *tls,
			     uint64_t fsbase)
{
	uint64_t offset = (uint64_t)(int64_t)tls->offset;
	uint64_t at = target->place.bias + tls->index_vaddr;
	uint64_t index[2];

	if (!tls->index_vaddr)
		return fsbase + offset;
	if (tls->is_word)
		at = fetch_u64(target, at);
	if (tls->is_word && at < TLS_FIRST_ADDRESS)
		return fsbase + at + offset;
	fetch(target, at, index, sizeof(index));
	return fetch_u64(target, fetch_u64(target, fsbase + DTV_AT) + 16 * index[0]) + index[1] +
	       offset;
}

static uint64_t thread_state(const struct target *target, pid_t tid)
{
	const struct wire_layout *layout = &target->layout;
	uint64_t fsbase = thread_pointer(tid);
	uint32_t key;

	if (layout->tstate_by == TSTATE_BY_TLS)
		return fetch_u64(target, thread_local(target, &layout->tls_bound, fsbase));
	key = fetch_u32(target, target->place.bias + layout->key_vaddr);
	return fetch_u64(target, pthread_slot(fsbase, key));
}

/* The characters of a str as UTF-8; all names here have one or two bytes a character. */
static void fetch_str(const struct target *target, uint64_t str, char *ret, size_t size)
{
	const struct wire_layout *layout = &target->layout;
	uint64_t length = fetch_u64(target, str + layout->str_length);
	uint32_t state = fetch_u32(target, str + layout->str_state);
	uint32_t kind = (state & layout->str_kind_mask) >> layout->str_kind_shift;
	bool is_ascii = state & layout->str_ascii_mask;
	uint8_t units[64];
	size_t at = 0;

	assert_true(state & layout->str_compact_mask);
	assert_true(length * kind <= sizeof(units) && length * 2 < size && kind <= 2);
	fetch(target, str + (is_ascii ? layout->str_ascii_data : layout->str_compact_data), units,
	      length * kind);
	for (size_t i = 0; i < length; i++) {
		unsigned int unit = units[i * kind] | (kind == 2 ? units[i * 2 + 1] << 8 : 0);

		assert_int_equal(is_ascii, is_ascii && unit < 0x80);
		if (unit >= 0x80)
			ret[at++] = (char)(0xc0 | unit >> 6);
		ret[at++] = (char)(unit < 0x80 ? unit : 0x80 | (unit & 0x3f));
	}
	ret[at] = '\0';
}

/* NULL-terminates the walk: returns the next Python frame at or behind `frame`, 0 at the end. */
static uint64_t skip_shims(const struct target *target, uint64_t frame)
{
	const struct wire_layout *layout = &target->layout;

	while (frame && layout->owner_shim_min != NO_OFFSET) {
		uint8_t owner;

		fetch(target, frame + layout->frame_owner, &owner, 1);
		if (owner < layout->owner_shim_min)
			break;
		frame = fetch_u64(target, frame + layout->frame_back);
	}
	return frame;
}

static uint64_t first_frame(const struct target *target, uint64_t tstate)
{
	const struct wire_layout *layout = &target->layout;
	uint64_t frame = fetch_u64(target, tstate + layout->tstate_frame);

	if (layout->cframe_frame != NO_OFFSET)
		frame = fetch_u64(target, frame + layout->cframe_frame);
	return skip_shims(target, frame);
}

static void check_code(const struct target *target, uint64_t code, const char *name)
{
	const struct wire_layout *layout = &target->layout;
	char text[64], qualified[64];
	uint32_t line = fetch_u32(target, code + layout->code_firstlineno);
	uint64_t linetable = fetch_u64(target, code + layout->code_linetable);

	fetch_str(target, fetch_u64(target, code + layout->code_name), text, sizeof(text));
	assert_string_equal(text, name);
	fetch_str(target, fetch_u64(target, code + layout->code_filename), text, sizeof(text));
	assert_string_equal(text, "<string>");
	assert_true(line >= 1 && line <= 30);
	assert_true(fetch_u64(target, linetable + layout->bytes_size) < 200);
	assert_int_equal(fetch_u32(target, code + layout->code_argcount),
			 !strcmp(name, "inner") || !strcmp(name, "method") ? 1
			 : !strcmp(name, "stop")			   ? 2
									   : 0);
	/* CO_OPTIMIZED | CO_NEWLOCALS: a function. */
	assert_int_equal(fetch_u32(target, code + layout->code_flags) & 3, 3);
	if (layout->code_qualname == NO_OFFSET)
		return;
	fetch_str(target, fetch_u64(target, code + layout->code_qualname), qualified,
		  sizeof(qualified));
	assert_string_equal(qualified, strcmp(name, "method") != 0 ? name : "Class.method");
}

static void check_frames(const struct target *target, pid_t tid)
{
	const struct wire_layout *layout = &target->layout;
	uint64_t frame = first_frame(target, thread_state(target, tid));

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		uint64_t code, instr;

		assert_true(frame != 0);
		code = fetch_u64(target, frame + layout->frame_code) & ~(uint64_t)layout->tag_mask;
		check_code(target, code, expected[i]);
		instr = fetch_u64(target, frame + layout->frame_instr);
		if (layout->code_adaptive != NO_OFFSET)
			assert_true(instr - code - layout->code_adaptive < 4096);
		else
			assert_true((uint32_t)instr < 4096); /* f_lasti */
		frame = skip_shims(target, fetch_u64(target, frame + layout->frame_back));
	}
}

static pid_t other_thread(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	pid_t tid = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((entry = readdir(tasks))) {
		pid_t one = (pid_t)strtol(entry->d_name, NULL, 10);

		if (one > 0 && one != pid)
			tid = one;
	}
	closedir(tasks);
	return tid;
}

static bool is_finalizing(const struct target *target)
{
	return fetch_u64(target, target->place.bias + target->layout.finalizing_vaddr) != 0;
}

/* A debug build of 3.13 has none that is known. */
static bool has_generation(const struct target *target)
{
	return target->layout.generation_vaddr || target->layout.interp_generation != NO_OFFSET;
}

static uint32_t generation(const struct target *target)
{
	const struct wire_layout *layout = &target->layout;
	uint64_t interp;

	if (!has_generation(target))
		return 0;
	if (layout->interp_generation == NO_OFFSET)
		return fetch_u32(target, target->place.bias + layout->generation_vaddr);
	interp = fetch_u64(target, thread_state(target, target->pid) + layout->tstate_interp);
	return fetch_u32(target, interp + layout->interp_generation);
}

static uint32_t next_generation(struct target *target)
{
	resume(target);
	await_stop(target);
	assert_false(is_finalizing(target));
	return generation(target);
}

static void check_generation(struct target *target)
{
	uint32_t first = next_generation(target), second = next_generation(target);
	uint32_t compiled = next_generation(target), loaded = next_generation(target);

	if (!has_generation(target))
		return;
	print_message("  generation %u, %u; compile() %u; marshal %u\n", first, second, compiled,
		      loaded);
	assert_true(compiled != second);
	/* Below, it is a counter of dict changes: never still, and marshal makes no dict. */
	if (target->layout.version >= 0x30c) {
		assert_true(first == second);
		assert_true(loaded != compiled);
	}
}

static void find_place(struct target *target, struct interpreter_cache *cache, const char *version)
{
	char path[64];
	const struct interpreter_entry *entry;

	assert_int_equal(python_place_find(target->pid, cache, &target->place), 0);
	entry = interpreter_cache_at(cache, target->place.index);
	assert_string_equal(entry->interpreter.version, version);
	target->layout = entry->interpreter.layout;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)target->pid);
	target->memory = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(target->memory >= 0);
}

static void walk(const struct listed *interpreter, struct interpreter_cache *cache)
{
	struct target target;

	start(interpreter, &target);
	find_place(&target, cache, interpreter->version);
	print_message("%s: %s, bias %" PRIx64 "\n", interpreter->name, target.place.path,
		      target.place.bias);
	check_frames(&target, target.pid);
	resume(&target);
	await_stop(&target);
	check_frames(&target, other_thread(target.pid));
	assert_false(is_finalizing(&target));
	check_generation(&target);
	resume(&target);
	await_stop(&target);
	assert_true(is_finalizing(&target));
	resume(&target);
	finish(&target);
}

static void test_walk(void **state)
{
	_cleanup_(
		interpreter_cache_freep) struct interpreter_cache *cache = interpreter_cache_new();

	if (!nr_listed)
		skip();
	for (size_t i = 0; i < nr_listed; i++)
		if (strncmp(listed[i].version, "2.", 2) != 0)
			walk(&listed[i], cache);
}

/* What was foreseen is what is found, and nothing is inspected again. */
static void check_foresight(const struct listed *interpreter)
{
	_cleanup_(
		interpreter_cache_freep) struct interpreter_cache *cache = interpreter_cache_new();
	struct target target;
	size_t count;

	assert_int_equal(python_place_foresee(interpreter->command[0], NULL, cache), 0);
	count = interpreter_cache_count(cache);
	start(interpreter, &target);
	find_place(&target, cache, interpreter->version);
	assert_true(target.place.index < count);
	assert_int_equal(interpreter_cache_count(cache), count);
	kill(target.pid, SIGKILL);
	waitpid(target.pid, NULL, 0);
	close(target.to);
	close(target.from);
	close(target.memory);
	python_place_clear(&target.place);
}

static void test_foresee_programs(void **state)
{
	bool is_tried = false;

	for (size_t i = 0; i < nr_listed; i++) {
		/* tools/interpreters run NAME cannot be foreseen. */
		if (listed[i].command[1] || !strncmp(listed[i].version, "2.", 2))
			continue;
		check_foresight(&listed[i]);
		is_tried = true;
	}
	if (!is_tried)
		skip();
}

static int foresee(const char *path, const char *path_variable)
{
	_cleanup_(
		interpreter_cache_freep) struct interpreter_cache *cache = interpreter_cache_new();

	return python_place_foresee(path, path_variable, cache);
}

static int foresee_script(const char *text, const char *path_variable)
{
	char path[] = "/tmp/memprobe-script-XXXXXX";
	int fd = mkstemp(path), status;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	status = foresee(path, path_variable);
	unlink(path);
	return status;
}

static void test_foresee_scripts(void **state)
{
	const char *python = "/usr/bin/python3", *path = "/nonexistent::/usr/bin:/bin";

	if (access(python, X_OK) || foresee(python, NULL))
		skip();
	assert_int_equal(foresee("python3", path), 0);
	assert_int_equal(foresee("python3", "/nonexistent"), -ENOENT);
	assert_int_equal(foresee_script("#!/usr/bin/python3\n", NULL), 0);
	assert_int_equal(foresee_script("#! \t/usr/bin/python3  -u\nx", NULL), 0);
	assert_int_equal(foresee_script("#!/usr/bin/python3", NULL), 0);
	assert_int_equal(foresee_script("#!/usr/bin/env python3\n", path), 0);
	assert_int_equal(foresee_script("#!/usr/bin/env -S A=1 python3 -u\n", path), 0);
	assert_int_equal(foresee_script("#!/usr/bin/env python3\n", "/nonexistent"), -ENOENT);
	assert_int_equal(foresee_script("#!/usr/bin/env\n", path), -ENOENT);
	assert_int_equal(foresee_script("#!/usr/bin/env -S\n", path), -ENOENT);
	assert_int_equal(foresee_script("#!\n", path), -ENOENT);
	assert_int_equal(foresee_script("#!/bin/sh\n", path), -ENOENT);
	assert_int_equal(foresee_script("no script\n", path), -ENOENT);
	assert_int_equal(foresee_script("", path), -ENOENT);
	assert_int_equal(foresee("/bin/true", path), -ENOENT);
	assert_int_equal(foresee("/bin", path), -ENOENT);
	assert_int_equal(foresee("/nonexistent", path), -ENOENT);
}

/* Makes a program's DT_NEEDED of `name` an entry with another name, written over its RPATH. */
static void rename_needed(char *bytes, size_t size, const char *name, const char *other)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)bytes;
	const Elf64_Phdr *segment = (const Elf64_Phdr *)(bytes + header->e_phoff);
	char *old = memmem(bytes, size, name, strlen(name) + 1);
	Elf64_Dyn *entries, *needed, *run_path;

	assert_non_null(old);
	while (segment->p_type != PT_DYNAMIC)
		segment++;
	entries = (Elf64_Dyn *)(bytes + segment->p_offset);
	for (needed = entries; needed->d_tag != DT_NEEDED;)
		needed++; /* libpython is the first */
	for (run_path = entries; run_path->d_tag != DT_RPATH && run_path->d_tag != DT_RUNPATH;)
		run_path++;
	old = old - needed->d_un.d_val + run_path->d_un.d_val;
	assert_true(strlen(old) >= strlen(other));
	memcpy(old, other, strlen(other) + 1);
	needed->d_un.d_val = run_path->d_un.d_val;
	run_path->d_tag = DT_DEBUG;
}

/* How python-build-standalone links: $ORIGIN in DT_NEEDED itself. */
static void test_foresee_origin(void **state)
{
	_cleanup_(freep) char *from = xasprintf("%s/.pyenv/versions/3.9.18/bin/python3.9",
						getenv("HOME"));
	_cleanup_(freep) char *library = xasprintf(
		"%s/.pyenv/versions/3.9.18/lib/libpython3.9.so.1.0", getenv("HOME"));
	char directory[] = "/tmp/memprobe-origin-XXXXXX", path[64], link[64], *bytes;
	int fd = open(from, O_RDONLY | O_CLOEXEC), to;
	off_t size;

	if (fd < 0)
		skip();
	size = lseek(fd, 0, SEEK_END);
	bytes = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_true(size > 0 && bytes != MAP_FAILED && mkdtemp(directory));
	rename_needed(bytes, (size_t)size, "libpython3.9.so.1.0", "$ORIGIN/libpython");
	snprintf(path, sizeof(path), "%s/python", directory);
	snprintf(link, sizeof(link), "%s/libpython", directory);
	assert_int_equal(symlink(library, link), 0);
	to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	assert_int_equal(write(to, bytes, (size_t)size), size);
	assert_int_equal(foresee(path, NULL), 0);
	close(to);
	close(fd);
	munmap(bytes, (size_t)size);
	unlink(path);
	unlink(link);
	rmdir(directory);
}

/* A script that names itself must not be followed for ever. */
static void test_foresee_a_loop(void **state)
{
	char path[] = "/tmp/memprobe-script-XXXXXX";
	_cleanup_(freep) char *text = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	text = xasprintf("#!%s\n", path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(foresee(path, NULL), -ENOENT);
	unlink(path);
}

/* This process has no Python, and looking a second time opens nothing. */
static void test_none(void **state)
{
	_cleanup_(
		interpreter_cache_freep) struct interpreter_cache *cache = interpreter_cache_new();
	struct python_place place = { 0 };
	size_t count;

	assert_int_equal(python_place_find(getpid(), cache, &place), -ENOENT);
	count = interpreter_cache_count(cache);
	assert_true(count > 0);
	assert_int_equal(python_place_find(getpid(), cache, &place), -ENOENT);
	assert_int_equal(interpreter_cache_count(cache), count);
	assert_null(place.path);
	assert_int_equal(python_place_find(0x7ffffffe, cache, &place), -ESRCH);
}

/* A file that has changed, or another that has got its inode, is inspected again. */
static void test_cache_notices_changes(void **state)
{
	_cleanup_(
		interpreter_cache_freep) struct interpreter_cache *cache = interpreter_cache_new();
	struct file_identity file = { .dev = 1, .ino = 2 };
	char path[] = "/tmp/memprobe-file-XXXXXX";
	size_t first, second, found;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(interpreter_cache_find(cache, file, &found), -ENOENT);
	assert_int_equal(interpreter_cache_inspect(cache, fd, file, INTERPRETER_EXPORTED, &first),
			 -ENOENT);
	assert_int_equal(interpreter_cache_inspect(cache, fd, file, INTERPRETER_EXPORTED, &second),
			 -ENOENT);
	assert_int_equal(second, first);
	/* Searched less than is wanted now. */
	assert_int_equal(interpreter_cache_inspect(cache, fd, file, INTERPRETER_ANY, &second),
			 -ENOENT);
	assert_int_not_equal(second, first);
	/* At once: what comes after an inspection has a time of its own. */
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(interpreter_cache_inspect(cache, fd, file, INTERPRETER_ANY, &first),
			 -ENOENT);
	assert_int_not_equal(second, first);
	assert_int_equal(interpreter_cache_find(cache, file, &found), 0);
	assert_int_equal(found, first);
	assert_int_equal(interpreter_cache_count(cache), 3);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_foresee_programs),
		cmocka_unit_test(test_foresee_scripts),
		cmocka_unit_test(test_foresee_origin),
		cmocka_unit_test(test_foresee_a_loop),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_cache_notices_changes),
	};

	return cmocka_run_group_tests(tests, list_interpreters, free_interpreters);
}
