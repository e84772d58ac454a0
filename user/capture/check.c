/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines of `memprobe check`; see check.h. */
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <memprobe/wire_unwind.h>

#include "command_search.h"
#include "error_hints.h"
#include "inspect_malloc.h"
#include "inspect_python.h"
#include "inspect_texts.h"
#include "loader.h"
#include "log.h"
#include "memory.h"
#include "process_task.h"
#include "python_jit.h"
#include "requirements.h"
#include "terminal.h"

#define SUBJECT_COLUMNS 14

__attribute__((format(printf, 3, 4))) static void say(struct sink *sink, const char *subject,
						      const char *format, ...)
{
	char text[512], safe[2 * sizeof(text)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	terminal_escape(text, safe, sizeof(safe)); /* paths are a target's */
	sink_printf(sink, "%-*s%s\n", SUBJECT_COLUMNS, subject, safe);
}

/* NULL: none is known. */
static void hint(struct sink *sink, const char *text)
{
	if (text)
		sink_printf(sink, "%*shint: %s\n", SUBJECT_COLUMNS, "", text);
}

/* ---- This machine ---- */

static bool check_kernel(struct sink *sink)
{
	struct kernel_features features;
	struct utsname system;

	uname(&system);
	if (kernel_features_read(&features)) {
		say(sink, "kernel", "%s: no BTF", system.release);
		hint(sink, "a kernel built with CONFIG_DEBUG_INFO_BTF=y is needed (5.10 or later)");
		return false;
	}
	if (!requirement_has_small_pages()) {
		say(sink, "kernel", "%s: pages of %ld bytes", system.release,
		    sysconf(_SC_PAGESIZE));
		hint(sink, REQUIREMENT_HINT_PAGES);
		return false;
	}
	say(sink, "kernel", "%s: RSS counters %s, uprobes %s", system.release,
	    features.has_percpu_counters ? "per CPU" : "cached in tasks",
	    features.has_uprobe_multi ? "many in one link" : "one by one");
	say(sink, "owners", "%s",
	    features.has_percpu_counters ? "who holds each page is followed"
					 : "who holds each page is not followed: changes of RSS "
					   "come too late before 6.2");
	say(sink, "allocs", "%s",
	    features.has_percpu_counters && features.has_uprobe_multi
		    ? "--allocs can follow what allocators hand out"
		    : "no --allocs: that takes many uprobes in one link, of Linux 6.6");
	if (HAS_UNWINDER)
		say(sink, "native", "%s",
		    features.has_percpu_counters
			    ? "--native can follow C functions below Python's"
			    : "no --native: changes of RSS come too late before 6.2");
	else
		say(sink, "native", "no --native: that unwinds stacks of x86-64 only");
	if (!features.has_percpu_counters)
		hint(sink, "Linux 6.2 or later has owners and --native; growth is measured all the "
			   "same");
	return true;
}

/* What works without is no failure. */
static void check_more_rights(struct sink *sink)
{
	struct kernel_features features;
	const char *others = requirement_missing(REQUIREMENT_OTHERS);
	const char *memory = requirement_missing(REQUIREMENT_MEMORY);
	const char *files = requirement_missing(REQUIREMENT_FILES);

	if (*others) {
		say(sink, "others", "without %s: only processes of this user", others);
		hint(sink, *memory ? REQUIREMENT_HINT_OTHERS_MEMORY : REQUIREMENT_HINT_OTHERS);
	} else if (*memory) {
		say(sink, "others",
		    "without %s: paths, but no objects, no names of objects, no memprobe heap",
		    memory);
		hint(sink, REQUIREMENT_HINT_MEMORY);
	}
	if (*files) {
		say(sink, "files",
		    "without %s: no libpython that was deleted or this user may not read", files);
		hint(sink, "run it with sudo, or give it that too");
	}
	if (!kernel_features_read(&features) && !features.has_uprobe_multi &&
	    !requirement_may_probe_singly()) {
		say(sink, "probes", "without CAP_SYS_ADMIN: no calls are counted");
		hint(sink, REQUIREMENT_HINT_PROBES);
	}
}

static bool check_namespaces(struct sink *sink)
{
	bool has_users = requirement_has_host_users(), has_pids = requirement_has_host_pids();

	if (!has_users) {
		say(sink, "users", "of a user namespace, whose rights do not count for BPF");
		hint(sink, REQUIREMENT_HINT_USERS);
	}
	if (!has_pids) {
		say(sink, "processes", "numbered by a pid namespace, not by the host");
		hint(sink, REQUIREMENT_HINT_PIDS);
	}
	return has_users && has_pids;
}

static bool check_rights(struct sink *sink)
{
	const char *missing;

	if (!requirement_has_proc()) {
		say(sink, "processes", "not to be seen: /proc is not mounted");
		hint(sink, REQUIREMENT_HINT_PROC);
		return false;
	}
	missing = requirement_missing(REQUIREMENT_LOAD);
	if (*missing) {
		say(sink, "rights", "not enough to load BPF programs: without %s", missing);
		hint(sink, REQUIREMENT_HINT_LOAD);
	} else {
		say(sink, "rights", "enough to load BPF programs");
		check_more_rights(sink);
	}
	return check_namespaces(sink) && !*missing;
}

static const char *loading_hint(int error)
{
	const char *hint = requirement_hint_loading(error);

	if (hint)
		return hint;
	switch (error) {
	case -EFBIG:
		return error_hint(ERROR_OF_WRITING, error);
	case -EMFILE:
	case -ENFILE:
		return error_hint(ERROR_OF_OURSELF, error);
	default:
		return "memprobe -vvv -- true shows what the kernel says";
	}
}

static bool check_loading(struct sink *sink)
{
	const struct loader_sizes sizes = {
		.max_nodes = DEFAULT_MAX_NODES,
		.max_sites = DEFAULT_MAX_SITES,
		.ring_mb = DEFAULT_RING_MB,
		.call_frames = 1U << PROBE_FRAME_LEAF,
		.has_owners = true,
	};
	struct loader loader;
	int error;

	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of the write */
	error = loader_open(&sizes, &loader);
	if (!error)
		error = loader_attach(&loader);
	if (error) {
		say(sink, "memory", "cannot %s '%s': %s", loader.failed_step, loader.failed_object,
		    strerror(-error));
		hint(sink, loading_hint(error));
	} else {
		say(sink, "memory", "its BPF programs load and attach");
	}
	loader_close(&loader);
	return !error;
}

bool check_machine(struct sink *sink)
{
	bool has_kernel = check_kernel(sink), has_rights = check_rights(sink);

	return has_kernel && has_rights && check_loading(sink);
}

/* ---- One interpreter ---- */

static bool check_calls(const struct probe_plan *plan, struct sink *sink)
{
	static const char *const events[] = {
		[PROBE_ENTRIES] = "starts and resumes",
		[PROBE_RETURNS] = "returns and yields, as many as starts and resumes",
		[PROBE_DEATHS] = "ends of frames; resumes of generators are not seen",
	};

	if (!plan->nr_sites) {
		say(sink, "calls", "not counted: %s", plan->reason);
		hint(sink,
		     "paths and MB are the same without; for calls a build --with-dtrace or with "
		     "its symbols (.symtab)");
		return false;
	}
	say(sink, "calls", "%s: %s", plan->what, events[plan->event]);
	return true;
}

/* What works without is no failure. */
static void check_ends(const struct runtime_ends *ends, struct sink *sink)
{
	const char *reason = runtime_ends_reason(ends->doubt);

	if (!reason)
		return;
	say(sink, "ends", "%s: %s", ends->offsets[0] ? "maybe not seen" : "not seen", reason);
	hint(sink, "what is inside a process (Inside:, --objects) is read while it runs only: at a "
		   "snapshot, or by memprobe heap");
}

static bool check_entry(const struct interpreter_entry *entry, struct sink *sink)
{
	const struct interpreter *interpreter = &entry->interpreter;

	say(sink, "python", "%s %s", interpreter->version, entry->path ? entry->path : "");
	if (entry->status) {
		say(sink, "paths", "not seen: %s",
		    interpreter->reason ? interpreter->reason : strerror(-entry->status));
		hint(sink, "memory is booked by thread; CPython 3.6 to 3.15 can be walked");
		return false;
	}
	say(sink, "paths", "thread state by %s, offsets from %s%s",
	    interpreter->layout.tstate_by == TSTATE_BY_TLS ? "TLS" : "pthread key",
	    interpreter->version_hex >= 0x030d0000 ? "_Py_DebugOffsets" : "the table",
	    interpreter->verified ? "" : ", a version that was never tested");
	check_ends(&interpreter->ends, sink);
	return check_calls(&entry->plan, sink);
}

/* ---- Allocators ---- */

/* What works without is no failure. */
static void check_allocators(const struct malloc_file *files, size_t count, int error,
			     struct sink *sink)
{
	bool has_malloc = false;

	for (size_t i = 0; i < count; i++) {
		const struct malloc_plan *plan = &files[i].plan;

		has_malloc |= plan->has_malloc;
		say(sink, plan->has_malloc ? "allocator" : "mimalloc", "%s: %s", files[i].path,
		    plan->what);
		if (plan->is_slow)
			hint(sink, "--allocs is slow with it: single-stepping takes 17 us a call");
		if (plan->has_unfollowed)
			hint(sink,
			     "--allocs only counts the blocks of what it does not follow: such "
			     "functions may throw");
		if (plan->has_python)
			hint(sink, "where that serves objects (PYTHONMALLOC=mimalloc, no GIL), "
				   "--allocs follows each of them: 2 us and more an object");
	}
	if (!has_malloc)
		say(sink, "allocator", "none found%s%s: --allocs has nothing to follow",
		    error ? ": " : "", error ? strerror(-error) : "");
}

static void check_program_allocators(struct inspector *inspector, const char *path,
				     struct sink *sink)
{
	struct malloc_file files[MAX_MALLOC_FILES];
	size_t count;
	int error = inspect_malloc_foresee(inspector, path, getenv("LD_PRELOAD"), files, &count);

	check_allocators(files, count, error, sink);
}

static void check_process_allocators(struct inspector *inspector, pid_t pid, struct sink *sink)
{
	struct malloc_file files[MAX_MALLOC_FILES];
	size_t count;
	int error = inspect_malloc(inspector, pid, files, &count);

	check_allocators(files, count, error, sink);
}

static bool check_cache(const struct interpreter_cache *cache, struct sink *sink)
{
	bool is_any = false, works = true;

	for (size_t i = 0; i < interpreter_cache_count(cache); i++) {
		const struct interpreter_entry *entry = interpreter_cache_at(cache, i);

		if (entry->status == -E2BIG) {
			say(sink, "python",
			    "not found: it has more sections, or larger tables of "
			    "symbols, than are read of a file");
			return false;
		}
		if (entry->status && !*entry->interpreter.version)
			continue;
		is_any = true;
		works &= check_entry(entry, sink);
	}
	if (!is_any) {
		say(sink, "python", "none found");
		hint(sink, "name the interpreter itself, not what starts it: pyenv which python3");
	}
	return is_any && works;
}

/* As a capture finds its command. */
static int find_program(const char *name, struct inspector *inspector, struct command *command)
{
	struct identity identity;
	struct target_user user;
	const struct command_search search = {
		.name = name,
		.identity = &identity,
		.user = &user,
		.inspector = inspector,
	};
	int error;

	identity_read(false, &identity);
	user = identity_user(&identity);
	error = command_search(&search, command);
	identity_free(&identity);
	return error;
}

/* `path`: what the name leads to, and may not be run. */
static void refuse_program(const char *name, const char *path, int error)
{
	struct stat status;

	if (error == -EACCES && path) {
		log_error("cannot check '%s': it %s", path,
			  !stat(path, &status) && S_ISDIR(status.st_mode) ? "is a directory"
									  : "may not be executed");
		log_hint("name the interpreter itself: memprobe check /usr/bin/python3");
		return;
	}
	log_error("cannot find '%s': %s", name, strerror(-error));
	if (strchr(name, '/'))
		log_hint("a name without '/' is looked for in PATH: memprobe check python3");
	else
		log_hint("name it with its directory: memprobe check /usr/bin/python3");
}

bool check_program(const char *name, struct sink *sink)
{
	const char *list;
	_cleanup_(interpreter_cache_freep) struct interpreter_cache *cache = NULL;
	_cleanup_(inspector_freep) struct inspector *inspector = NULL;
	_cleanup_(command_free) struct command command = { .gate = -1, .failure = -1 };
	bool works;
	int error;

	inspector = inspector_new(&inspect_targets);
	error = find_program(name ? name : "python3", inspector, &command);
	if (error && !name)
		return true;
	if (error) {
		refuse_program(name, command.path, error);
		return false;
	}
	cache = interpreter_cache_new();
	if (python_jit_read(getpid()) == PYTHON_JIT_ON)
		interpreter_cache_expect_jit(cache);
	list = command.search_path ? command.search_path : command_own_path();
	if (inspect_foresee(inspector, command.path, list, NULL, cache) && !name)
		return true; /* behind a wrapper */
	works = check_cache(cache, sink);
	check_program_allocators(inspector, command.path, sink);
	return works;
}

static const char *process_hint(pid_t pid, int error)
{
	if (error == -EACCES || error == -EPERM)
		return requirement_hint_process(pid);
	return error_hint(ERROR_OF_PROCESS, inspector_is_unanswered(error) ? -ETIME : error);
}

static bool check_main(pid_t pid, struct sink *sink)
{
	if (!process_has_lost_main(pid))
		return true;
	say(sink, "probes",
	    "none can be attached: its main thread has ended, by which the kernel knows whose "
	    "memory they go to");
	hint(sink, "paths and MB are the same without; there are no calls and no --allocs");
	return false;
}

bool check_process(pid_t pid, struct sink *sink)
{
	_cleanup_(
		interpreter_cache_freep) struct interpreter_cache *cache = interpreter_cache_new();
	_cleanup_(inspector_freep) struct inspector *inspector = inspector_new(&inspect_targets);
	struct python_place place = { 0 };
	bool works;
	int error;

	if (inspect_jit(inspector, pid) != PYTHON_JIT_OFF)
		interpreter_cache_expect_jit(cache);
	error = inspect_place(inspector, pid, cache, &place);
	if (error == PYTHON_PLACE_CLOSED) {
		say(sink, "python", "not known: its file may not be read");
		hint(sink, *requirement_missing(REQUIREMENT_MEMORY) ? REQUIREMENT_HINT_FILE : NULL);
		return false;
	}
	if (error && error != -ENOTSUP && error != -ENOENT) {
		say(sink, "process", "cannot read '%d': %s", (int)pid, strerror(-error));
		hint(sink, process_hint(pid, error));
		return false;
	}
	if (!error || error == -ENOTSUP)
		python_place_clear(&place);
	works = check_cache(cache, sink) & check_main(pid, sink);
	check_process_allocators(inspector, pid, sink);
	return works;
}
