/* SPDX-License-Identifier: BSD-2-Clause */
/* See c_functions.h. */
#include "c_functions.h"

#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "error_hints.h"
#include "hash_table.h"
#include "inspect_native.h"
#include "log.h"
#include "memory.h"
#include "tell.h"
#include "unwind_queue.h"
#include "unwind_rows.h"
#include "user_loss.h"

/* Files of a run that are asked for again; each event would, where what is looked at is never what
 * the kernel runs. */
#define MAX_FORGOTTEN 1024

/* A file with rows; its number is one more than its index. */
struct c_file {
	struct wire_file identity;
	char *path;
};

/* A function that was asked for. */
struct c_function {
	char *name; /* "": it has none */
	uint64_t address;
};

struct c_functions {
	const struct capture_base *base;
	struct unwind_rows *rows;
	struct c_file *files;
	size_t nr_files, files_capacity;
	struct c_function *known;
	size_t nr_known, known_capacity;
	struct hash_table ids; /* wire_site.code to index in known */
	struct unwind_queue queue;
	int awake; /* an eventfd */
	uint32_t nr_forgotten;
	bool has_told_full, has_told_blocking;
};

struct c_functions *c_functions_new(const struct capture_base *base)
{
	struct c_functions *functions;

	if (!loader_has_native(base->loader))
		return NULL;
	functions = xcalloc(1, sizeof(*functions));
	functions->base = base;
	functions->awake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	functions->rows = functions->awake < 0 ? NULL : unwind_rows_new(base->loader);
	if (!functions->rows)
		log_warning("cannot map 'rows of unwind tables': %s, C functions are not followed",
			    strerror(errno));
	return functions;
}

void c_functions_free(struct c_functions *functions)
{
	if (!functions)
		return;
	for (size_t i = 0; i < functions->nr_files; i++)
		free(functions->files[i].path);
	for (size_t i = 0; i < functions->nr_known; i++)
		free(functions->known[i].name);
	unwind_rows_free(functions->rows);
	unwind_queue_clear(&functions->queue);
	closep(&functions->awake);
	hash_table_free(&functions->ids);
	free(functions->files);
	free(functions->known);
	free(functions);
}

/* ---- Files ---- */

/* Once: stacks that go through this file, and others that are met later, are not followed. */
static void tell_full(struct c_functions *functions, const struct inspected_unwind *found)
{
	if (functions->has_told_full)
		return;
	functions->has_told_full = true;
	log_warning(
		"cannot hold '%s': its unwind table has %zu rows, and there is no room for them",
		found->path, found->table.nr_rows);
	log_hint("raise --native-rows");
}

/* One without rows is kept, too: it is not looked into again. */
static void add_file(struct c_functions *functions, const struct inspected_unwind *found)
{
	struct c_file file = { .identity = found->file, .path = xstrdup(found->path) };
	uint32_t number = (uint32_t)functions->nr_files + 1;

	functions->files = array_reserve(functions->files, &functions->files_capacity,
					 functions->nr_files + 1, sizeof(*functions->files));
	functions->files[functions->nr_files++] = file;
	if (found->status)
		return;
	log_at(LOG_STEPS, "unwind table of '%s': %zu rows", found->path, found->table.nr_rows);
	if (unwind_rows_add(functions->rows, &found->file, &found->table, number) == -ENOSPC)
		tell_full(functions, found);
}

static int ask(struct c_functions *functions, const struct unwind_wanted *wanted,
	       struct inspected_unwind *ret)
{
	const struct file_identity file = { .dev = wanted->file.dev, .ino = wanted->file.ino };

	return inspect_unwind(functions->base->inspector, wanted->pid, wanted->address, file, ret);
}

/* One that the BPF side has not asked for, if it can be looked into. */
static void add_other(struct c_functions *functions, const struct unwind_wanted *wanted)
{
	struct inspected_unwind found;

	if (ask(functions, wanted, &found))
		return;
	add_file(functions, &found);
	inspected_unwind_clear(&found);
}

/* One that has changed is another only where the time of its change is known. */
static bool is_known(const struct c_functions *functions, const struct wire_file *file)
{
	for (size_t i = 0; i < functions->nr_files; i++) {
		const struct wire_file *known = &functions->files[i].identity;

		if (unwind_is_same_file(known, file) &&
		    (!file->changed_ns || known->changed_ns == file->changed_ns))
			return true;
	}
	return false;
}

static void want(struct c_functions *functions, const struct unwind_wanted *wanted)
{
	if (!is_known(functions, &wanted->file))
		unwind_queue_add(&functions->queue, wanted);
}

/* What has been loaded with a file that was just met runs next, and a stack that leads through one
 * without rows is not followed. One that has changed is met by its code. */
static void want_others(struct c_functions *functions, pid_t pid,
			const struct inspected_unwind *beside)
{
	for (size_t i = 0; i < beside->nr_others; i++) {
		const struct unwind_wanted other = {
			.file = { .ino = beside->others[i].file.ino,
				  .dev = (uint32_t)beside->others[i].file.dev },
			.pid = pid,
			.is_other = true,
			.address = beside->others[i].address,
		};

		want(functions, &other);
	}
}

/* Once: what is on such a file system stays unread, and with it stacks through it unfollowed. */
static void tell_blocking(struct c_functions *functions)
{
	if (functions->has_told_blocking)
		return;
	functions->has_told_blocking = true;
	log_warning(
		"cannot follow 'C functions': the stack leads through files of a file system in "
		"user space (FUSE), where reading may block");
	log_hint("run a copy of the program and its libraries on another file system");
}

static bool is_same(const struct wire_file *a, const struct wire_file *b)
{
	return unwind_is_same_file(a, b) && a->changed_ns == b->changed_ns;
}

/* Another process may show what one had mapped that has gone. */
static void forget_file(struct c_functions *functions, const struct wire_file *file)
{
	if (functions->nr_forgotten++ < MAX_FORGOTTEN)
		unwind_rows_forget(functions->rows, file);
}

static void on_unwind_wanted(void *context, const struct wire_unwind_knock *knock)
{
	struct c_functions *functions = context;
	const struct unwind_wanted wanted = {
		.file = knock->file,
		.pid = (pid_t)knock->tgid,
		.address = knock->address,
		.bytes = knock->bytes,
	};

	if (functions->rows)
		want(functions, &wanted);
}

/* A file that the BPF side has asked for. */
static void make_wanted(struct c_functions *functions, const struct unwind_wanted *wanted)
{
	struct inspected_unwind found;
	int error = ask(functions, wanted, &found);

	if (error == -ESRCH) { /* no more events of it */
		unwind_rows_forget(functions->rows, &wanted->file);
	} else if (error == -ENOENT || (!error && !is_same(&found.file, &wanted->file))) {
		forget_file(functions, &wanted->file);
	} else if (!error) {
		add_file(functions, &found);
		want_others(functions, wanted->pid, &found);
	} else if (error == -EOPNOTSUPP) {
		tell_blocking(functions);
	}
	if (!error)
		inspected_unwind_clear(&found);
}

int c_functions_fd(const struct c_functions *functions)
{
	return functions && functions->rows ? functions->awake : -1;
}

void c_functions_wake(struct c_functions *functions)
{
	if (c_functions_fd(functions) >= 0)
		eventfd_write(functions->awake, 1);
}

void c_functions_rest(struct c_functions *functions)
{
	eventfd_t wakes;

	if (c_functions_fd(functions) >= 0)
		eventfd_read(functions->awake, &wakes);
}

bool c_functions_make_rows(struct c_functions *functions)
{
	struct unwind_wanted wanted;

	if (!unwind_queue_take(&functions->queue, &wanted))
		return false;
	if (is_known(functions, &wanted.file))
		return true;
	if (wanted.is_other)
		add_other(functions, &wanted);
	else
		make_wanted(functions, &wanted);
	return true;
}

/* The program itself comes first, and has no name here. */
static int add_own_library(struct dl_phdr_info *library, size_t size, void *context)
{
	struct unwind_wanted wanted = { .pid = getpid(), .is_other = true };

	for (int i = 0; i < library->dlpi_phnum && *library->dlpi_name; i++)
		if (library->dlpi_phdr[i].p_type == PT_LOAD && library->dlpi_phdr[i].p_flags & PF_X)
			wanted.address = library->dlpi_addr + library->dlpi_phdr[i].p_vaddr;
	if (wanted.address)
		add_other(context, &wanted);
	return 0;
}

void c_functions_begin_command(struct c_functions *functions, uint32_t expected_layout)
{
	const struct interpreter_entry *entry;
	struct inspected_unwind found;

	if (!functions || !functions->rows)
		return;
	entry = interpreters_entry(functions->base->interpreters, expected_layout);
	if (entry && entry->path &&
	    !inspect_unwind_foresee(functions->base->inspector, entry->file, entry->path, &found)) {
		add_file(functions, &found);
		inspected_unwind_clear(&found);
	}
	dl_iterate_phdr(add_own_library, functions);
}

/* ---- Names ---- */

static struct c_function *find_known(const struct c_functions *functions, uint64_t code)
{
	uint32_t index;

	return hash_table_get(&functions->ids, code, &index) ? &functions->known[index] : NULL;
}

static void keep_function(struct c_functions *functions, uint64_t code,
			  const struct function_name *found)
{
	const struct c_function function = { xstrdup(found->name), found->vaddr };

	hash_table_put(&functions->ids, code, (uint32_t)functions->nr_known);
	functions->known = array_reserve(functions->known, &functions->known_capacity,
					 functions->nr_known + 1, sizeof(*functions->known));
	functions->known[functions->nr_known++] = function;
}

/* Those that were not asked for before. */
static void find_names(struct c_functions *functions, const struct function_question *question)
{
	const struct c_file *file = &functions->files[question->number - 1];
	struct profile *profile = functions->base->profile;
	_cleanup_(freep) struct inspect_functions_request *request = xcalloc(1, sizeof(*request));
	_cleanup_(freep) struct function_name *found = xcalloc(FUNCTION_NAMES_BATCH,
							       sizeof(*found));

	request->pid = (int32_t)profile->processes[question->process].pid;
	request->file = file->identity;
	if (strlen(file->path) < sizeof(request->path))
		memcpy(request->path, file->path, strlen(file->path) + 1);
	for (size_t i = 0; i < question->count; i++)
		if (!find_known(functions,
				unwind_function_name(question->number, question->begins[i])))
			request->begins[request->count++] = question->begins[i];
	if (!request->count)
		return;
	if (inspect_functions(functions->base->inspector, request, found)) {
		user_loss_add(profile, question->process, LOSS_name_unanswered, request->count);
		return;
	}
	for (uint32_t i = 0; i < request->count; i++)
		keep_function(functions, unwind_function_name(question->number, request->begins[i]),
			      &found[i]);
}

static void on_function_asked(void *context, struct function_question *question)
{
	struct c_functions *functions = context;

	if (!question->number || question->number > functions->nr_files)
		return;
	question->library = functions->files[question->number - 1].path;
	find_names(functions, question);
	for (size_t i = 0; i < question->count; i++) {
		const struct c_function *known = find_known(
			functions, unwind_function_name(question->number, question->begins[i]));

		if (!known)
			continue;
		question->names[i] = known->name;
		question->addresses[i] = known->address;
	}
}

struct drain_listener c_functions_hear_drain(struct c_functions *functions)
{
	struct drain_listener listener = { .context = functions };

	if (functions) {
		listener.unwind_wanted = on_unwind_wanted;
		listener.function_asked = on_function_asked;
	}
	return listener;
}
