/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers to the drain's questions; see pythons.h. */
#include "pythons.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "command_search.h"
#include "fork_plans.h"
#include "inspect_texts.h"
#include "late_finds.h"
#include "memory.h"
#include "object_names.h"
#include "process_memory.h"
#include "process_task.h"
#include "python_jit.h"
#include "requirements.h"
#include "tell.h"
#include "user_loss.h"

struct pythons {
	const struct capture_base *base;
	struct python_listeners listeners;
	struct object_names *object_names;
	struct late_finds *late_finds;
	struct fork_plans *fork_plans; /* NULL: no timer was to be had */
	bool is_adopting;
	bool has_noted_denied, has_noted_closed;
	uint32_t noted_python; /* string: version of the last one that could not be walked */
};

static const char *search_list(const struct command *command)
{
	return command->search_path ? command->search_path : command_own_path();
}

void pythons_foresee(struct interpreters *interpreters, const struct command *command,
		     const pid_t *pids, size_t nr_pids)
{
	struct inspector *inspector = interpreters_inspector(interpreters);

	/* The command gets memprobe's own environment. */
	if (command->path && python_jit_read(getpid()) == PYTHON_JIT_ON)
		interpreters_expect_jit(interpreters);
	for (size_t i = 0; i < nr_pids; i++)
		if (inspect_jit(inspector, pids[i]) != PYTHON_JIT_OFF)
			interpreters_expect_jit(interpreters);
	if (command->path)
		interpreters_foresee(interpreters, command->path, search_list(command));
	for (size_t i = 0; i < nr_pids; i++)
		interpreters_foresee_process(interpreters, pids[i]);
}

#define MAX_WORDS 32 /* that are looked at */
/* What parts a shell's words. What stands between quotes may be a command, too. */
#define WORD_ENDS " \t\r\n;&|()<>{}`'\"$"

static bool may_be_command(const char *word)
{
	return *word && *word != '-' && !strchr(word, '=');
}

/* Returns whether it leads to a Python; `left` is how many words may still be looked at. */
static bool foresee_word(struct interpreters *interpreters, const char *list, const char *word,
			 size_t *left)
{
	if (!*left || !may_be_command(word))
		return false;
	--*left;
	return interpreters_foresee(interpreters, word, list) == 0;
}

/* The same of the words of what may be a shell's program (`sh -c`): all, it may run several. */
static bool foresee_text(struct interpreters *interpreters, const char *list, const char *text,
			 size_t *left)
{
	char word[PATH_MAX];
	bool is_found = false;

	while (*left && *(text += strspn(text, WORD_ENDS))) {
		size_t length = strcspn(text, WORD_ENDS);

		snprintf(word, sizeof(word), "%.*s", (int)length, text);
		text += length;
		if (length < sizeof(word))
			is_found |= foresee_word(interpreters, list, word, left);
	}
	return is_found;
}

void pythons_foresee_words(struct interpreters *interpreters, const struct command *command,
			   char *const words[])
{
	const char *list = search_list(command);
	size_t left = MAX_WORDS;
	bool is_found = false;

	for (size_t i = 1; words[i] && left && !is_found; i++)
		is_found = foresee_word(interpreters, list, words[i], &left) ||
			   (strpbrk(words[i], WORD_ENDS) &&
			    foresee_text(interpreters, list, words[i], &left));
}

/* What a process can be without for a while. */
static void plan_rest(void *context, uint32_t process, uint32_t layout)
{
	const struct pythons *pythons = context;

	code_watch_plan(pythons->listeners.code_watch, process, layout);
	finalizing_plan(pythons->listeners.finalizing, process, layout);
}

struct pythons *pythons_new(const struct capture_base *base,
			    const struct python_listeners *listeners, const char *label_attributes)
{
	struct pythons *pythons = xcalloc(1, sizeof(*pythons));

	pythons->base = base;
	pythons->listeners = *listeners;
	pythons->object_names = object_names_new(label_attributes, base->inspector);
	pythons->late_finds = late_finds_new(base->profile);
	pythons->fork_plans = fork_plans_new(base->profile, plan_rest, pythons);
	return pythons;
}

void pythons_free(struct pythons *pythons)
{
	if (!pythons)
		return;
	object_names_free(pythons->object_names);
	late_finds_free(pythons->late_finds);
	fork_plans_free(pythons->fork_plans);
	free(pythons);
}

int pythons_fd(const struct pythons *pythons)
{
	return pythons->fork_plans ? fork_plans_fd(pythons->fork_plans) : -1;
}

void pythons_plan_late(struct pythons *pythons)
{
	fork_plans_run(pythons->fork_plans);
}

void pythons_set_adopting(struct pythons *pythons, bool is_adopting)
{
	pythons->is_adopting = is_adopting;
}

/* ---- Notes ---- */

static void note_unwalkable(struct pythons *pythons, const struct found_python *found,
			    uint32_t tgid)
{
	uint32_t string = string_pool_add(&pythons->base->profile->strings, found->version);

	if (pythons->noted_python == string)
		return;
	pythons->noted_python = string;
	TELL_MISSING(pythons->base->waits,
		     "cannot walk 'python %s' in process %u: %s, its memory is booked by thread",
		     found->version, tgid, found->reason);
}

static const char *denial(const struct found_python *found)
{
	if (!found->is_closed)
		return "not allowed without CAP_SYS_PTRACE";
	return *requirement_missing(REQUIREMENT_MEMORY)
		       ? "its Python's file may not be read without CAP_DAC_READ_SEARCH"
		       : "its Python's file may not be read";
}

static void note_denied(struct pythons *pythons, const struct found_python *found, uint32_t tgid)
{
	if (pythons->has_noted_denied)
		return;
	pythons->has_noted_denied = true;
	TELL_MISSING(pythons->base->waits,
		     "cannot look into 'process %u': %s, its memory is booked by thread", tgid,
		     denial(found));
}

/* Its paths are seen all the same: the kernel reads them for the BPF side. */
static void note_closed(struct pythons *pythons, uint32_t tgid)
{
	if (pythons->has_noted_closed || !process_memory_is_closed((pid_t)tgid))
		return;
	pythons->has_noted_closed = true;
	TELL_MISSING(pythons->base->waits,
		     "cannot read the memory of 'process %u': not allowed without "
		     "CAP_DAC_READ_SEARCH: names of objects and what its allocators and its "
		     "environment hold are not known",
		     tgid);
}

/* ---- What is known now ---- */

/* Nobody could look; once a process, whose events ask again and again. */
static void count_unanswered(struct pythons *pythons, uint32_t process)
{
	struct profile *profile = pythons->base->profile;

	if (!profile->processes[process].losses[LOSS_python_unanswered].events)
		user_loss_add(profile, process, LOSS_python_unanswered, 1);
}

/* `layout` is NO_LAYOUT where it cannot be walked. */
static void take(struct pythons *pythons, uint32_t process, const char *version, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(pythons->base->interpreters,
								   layout);
	struct profile *profile = pythons->base->profile;

	profile->processes[process].python = string_pool_add(&profile->strings, version);
	user_loss_clear(profile, process, LOSS_python_unanswered);
	if (entry)
		object_names_set(pythons->object_names, process,
				 (pid_t)profile->processes[process].pid,
				 &entry->interpreter.layout);
	submitters_plan(pythons->listeners.submitters, process, layout);
	counting_plan(pythons->listeners.counting, process, layout);
	if (profile->processes[process].begin == BEGAN_FORK && pythons->fork_plans)
		fork_plans_add(pythons->fork_plans, process, layout);
	else
		plan_rest(pythons, process, layout);
}

static void on_found(void *context, uint32_t process, uint32_t layout)
{
	struct pythons *pythons = context;

	note_closed(pythons, pythons->base->profile->processes[process].pid);
	take(pythons, process, interpreters_version(pythons->base->interpreters, layout), layout);
}

static void on_unknown(void *context, uint32_t slot, uint32_t image_id, uint32_t tgid)
{
	struct pythons *pythons = context;
	uint32_t process = drain_process(pythons->base->drain, image_id);
	struct found_python found = interpreters_resolve(pythons->base->interpreters, slot,
							 image_id, tgid);

	if (found.is_unanswered && process != NO_PROCESS)
		count_unanswered(pythons, process);
	if (found.version || (pythons->is_adopting && !found.is_denied))
		note_closed(pythons, tgid);
	if (found.is_denied || found.is_closed)
		note_denied(pythons, &found, tgid);
	else if (!found.version && !found.is_told && !found.is_unanswered && pythons->is_adopting)
		log_note("process %u runs no Python: its memory is booked by thread", tgid);
	if (!found.version || process == NO_PROCESS)
		return;
	if (found.reason)
		note_unwalkable(pythons, &found, tgid);
	take(pythons, process, found.version, found.layout);
}

/* ---- Programs that begin ---- */

/* By the names that it was begun by: its path, and the first word of its command, which need not
 * lead to it. */
static int look_at_names(struct interpreters *interpreters, const struct wire_image_begin *record)
{
	int status = -ESRCH;

	if (record->path_bytes)
		status = interpreters_foresee_program(interpreters, record->path, &record->program);
	if (status == -ESRCH && strnlen(record->args, record->args_bytes) < record->args_bytes)
		status = interpreters_foresee_program(interpreters, record->args, &record->program);
	return status;
}

/* By what runs there; when that has ended, or is another program by now, by its names. */
static int look_at_program(struct pythons *pythons, const struct wire_image_begin *record)
{
	struct interpreters *interpreters = pythons->base->interpreters;
	char link[64], path[PATH_MAX];
	int status = -ESRCH;
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)process_task((pid_t)record->tgid));
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	if (length > 0)
		status = interpreters_foresee_program(interpreters, path, &record->program);
	if (status != -ESRCH &&
	    loader_is_live(pythons->base->loader, record->slot, record->head.image_id))
		return status;
	return look_at_names(interpreters, record);
}

static bool is_python_name(const char *path, size_t size)
{
	size_t length = strnlen(path, size);
	const char *slash = memrchr(path, '/', length), *name = slash ? slash + 1 : path;
	const char python[] = "python";

	return (size_t)(path + length - name) >= strlen(python) &&
	       !strncmp(name, python, strlen(python));
}

/* By what runs, of a script its own name, or by the first word of the command, its interpreter. */
static bool is_called_python(const struct wire_image_begin *record)
{
	return is_python_name(record->comm, sizeof(record->comm)) ||
	       is_python_name(record->args, record->args_bytes);
}

/* Each program once, so that the BPF side knows its interpreter, perhaps in this process already.
 */
static void on_program(void *context, uint32_t process, const struct wire_image_begin *record)
{
	struct pythons *pythons = context;
	int status;
	bool is_new = late_finds_begin(pythons->late_finds, process, &record->program,
				       record->head.time_ns);

	if (is_called_python(record))
		late_finds_expect_python(pythons->late_finds, process);
	if (!is_new)
		return;
	status = look_at_program(pythons, record);
	interpreters_register(pythons->base->interpreters);
	if (!status || status == -ENOENT || status == -ENOTSUP || status == -E2BIG)
		late_finds_tell(pythons->late_finds, &record->program, !status, clock_ns());
}

/* ---- What else it hears ---- */

static void on_name_objects(void *context, struct object_question *question)
{
	const struct pythons *pythons = context;
	int status = object_names_read(pythons->object_names, question->process, question->objects,
				       question->count, question->names);

	question->is_unanswered |= inspector_is_blind(status);
}

static void on_image_ended(void *context, uint32_t process)
{
	const struct pythons *pythons = context;

	late_finds_end(pythons->late_finds, process);
}

struct drain_listener pythons_hear_drain(struct pythons *pythons)
{
	return (struct drain_listener){
		.context = pythons,
		.unknown_python = on_unknown,
		.program_unknown = on_program,
		.python_found = on_found,
		.name_objects = on_name_objects,
		.image_ended = on_image_ended,
	};
}

static void settle(void *context, struct profile *profile, uint64_t now_ns)
{
	const struct pythons *pythons = context;

	late_finds_settle(pythons->late_finds);
}

static void settle_all(void *context, struct profile *profile, uint64_t now_ns)
{
	const struct pythons *pythons = context;

	late_finds_settle(pythons->late_finds);
	late_finds_give_up(pythons->late_finds);
}

struct flush_listener pythons_hear_flush(struct pythons *pythons)
{
	return (struct flush_listener){ pythons, settle, settle_all };
}
