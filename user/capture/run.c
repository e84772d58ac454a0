/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One capture: the order of its steps, and the loop in the middle; see run.h.
 *
 * Everything that can be refused is refused before the command runs. The command then waits at a
 * gate until the programs are attached, so that nothing of it is missed. The loop waits for
 * urgent records, signals and the flush timer. At the end the balance is taken while events still
 * come, then the programs are detached, then what they left is read.
 */
#include "run.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alive.h"
#include "attach_targets.h"
#include "calls.h"
#include "clock.h"
#include "command.h"
#include "command_refuse.h"
#include "command_search.h"
#include "drain.h"
#include "inspect_texts.h"
#include "inherited.h"
#include "interpreters.h"
#include "late_finds.h"
#include "log.h"
#include "memory.h"
#include "moment.h"
#include "object_names.h"
#include "output.h"
#include "progress.h"
#include "python_jit.h"
#include "requirements.h"

#define FLUSH_NS 500000000LL
#define NS_PER_S 1000000000LL
#define ATTACHING_NS 50000000ULL
#define HASTY_SIGINTS 3
#define HASTY_SIGINT_NS (2 * NS_PER_S)
#define HASTY_SIGTERMS 2
#define BALANCE_TRIES 5
#define TEARDOWN_NS \
	(1 * NS_PER_S) /* an address space may be held by others: waited for no longer */

/* A process whose calls are to be counted from the next flush on: attaching takes 5 ms and more,
 * and one that has ended by then is not worth it. */
struct uncounted {
	uint32_t process;
	uint32_t layout;
};

struct capture {
	const struct capture_options *options;
	pid_t *pids; /* of -p: those that were named first, then what they have started; owned */
	size_t nr_pids, pids_capacity;
	bool is_adopting; /* their books are being opened */
	struct identity identity;
	struct target_user caller; /* the same, for opening files */
	struct command command;
	struct loader loader;
	struct drain *drain;
	struct inspector *inspector;
	struct interpreters *interpreters;
	struct object_names *object_names;
	struct calls *calls;	  /* NULL when they are not counted */
	uint32_t expected_layout; /* of the command's interpreter, NO_LAYOUT */
	struct uncounted *uncounted;
	size_t nr_uncounted, uncounted_capacity;
	struct output *output;
	char *dump_path; /* where it can be read at the end, NULL */
	struct profile *profile;
	struct inherited inherited;
	int epoll, signals, flush_timer, end_timer;
	struct moments *moments;
	struct late_finds *late_finds;
	uint64_t start_ns;
	struct progress progress;
	int status; /* of the command, as waitpid tells; -1 while it runs */
	bool is_over, is_hasty;
	bool is_end_possible; /* the command or a process has ended */
	uint64_t last_end_ns; /* since when nobody is left, 0: somebody is */
	uint64_t sigint_ns[HASTY_SIGINTS];
	int nr_sigterms;
	bool has_noted_denied;
	uint32_t noted_python; /* string: version of the last one that could not be walked */
};

static struct capture *kept; /* for capture_finish */

/* What will be missing. A command's own output is not to begin with it, nor to be parted by it. */
#define TELL(capture, ...) \
	((capture)->options->command ? log_later(__VA_ARGS__) : log_warning(__VA_ARGS__))

/* ---- What can be refused ---- */

static int check_rights(struct capture *capture)
{
	const char *missing = requirement_missing(REQUIREMENT_LOAD);

	if (*missing) {
		log_error("cannot load 'BPF programs': without %s", missing);
		log_hint(REQUIREMENT_HINT_LOAD);
		return EXIT_FAILURE_OWN;
	}
	if (!requirement_has_host_users()) {
		log_error("cannot load 'BPF programs': memprobe runs inside a user namespace");
		log_hint(REQUIREMENT_HINT_USERS);
		return EXIT_FAILURE_OWN;
	}
	return 0;
}

/* Which Python runs must not be a surprise. */
static void note_otherwise(const struct command *command, const char *name)
{
	if (!command->otherwise)
		return;
	if (command->is_as_caller)
		log_later("'%s' was '%s', as where sudo was called; in sudo's PATH it is '%s'",
			  name, command->path, command->otherwise);
	else
		log_later("'%s' was '%s', of sudo's PATH; where sudo was called it is '%s'", name,
			  command->path, command->otherwise);
}

static int find_command(struct capture *capture)
{
	const struct command_search search = {
		.name = capture->options->command ? capture->options->command[0] : NULL,
		.identity = &capture->identity,
		.user = &capture->caller,
		.inspector = capture->inspector,
	};
	int error;

	if (!search.name)
		return 0;
	error = command_search(&search, &capture->command);
	if (error)
		return command_refuse(search.name, error);
	note_otherwise(&capture->command, search.name);
	return 0;
}

static void on_gave_up(void *context, const char *what)
{
	struct capture *capture = context;

	TELL(capture, "cannot inspect '%s': it takes too long or fails, continuing without %s",
	     "targets", what);
}

static int begin_inspector(struct capture *capture)
{
	const struct inspector_listener listener = { .context = capture, .gave_up = on_gave_up };

	capture->inspector = inspector_new(&inspect_targets);
	inspector_listen(capture->inspector, &listener);
	return 0;
}

/* The BPF side knows processes by the numbers of the first pid namespace. */
static int check_namespace(struct capture *capture)
{
	if (requirement_has_host_pids())
		return 0;
	log_error("cannot follow 'processes': memprobe runs inside a pid namespace");
	log_hint(REQUIREMENT_HINT_PIDS);
	return EXIT_FAILURE_OWN;
}

static void remember_pids(struct capture *capture, const pid_t *pids, size_t count)
{
	capture->pids = array_reserve(capture->pids, &capture->pids_capacity,
				      capture->nr_pids + count, sizeof(*capture->pids));
	memcpy(capture->pids + capture->nr_pids, pids, count * sizeof(*pids));
	capture->nr_pids += count;
}

/* What the processes have started is followed with them. Returns how many were not known. */
static size_t find_descendants(struct capture *capture)
{
	size_t count;
	_cleanup_(freep) pid_t *pids = NULL;

	if (capture->options->no_children)
		return 0;
	pids = attach_find_descendants(capture->pids, capture->nr_pids, &count);
	if (count)
		remember_pids(capture, pids, count);
	return count;
}

static int check_pids(struct capture *capture)
{
	const struct capture_options *options = capture->options;

	if (!options->nr_pids)
		return 0;
	for (size_t i = 0; i < options->nr_pids; i++) {
		if (attach_check((uint32_t)options->pids[i]))
			return EXIT_FAILURE_OWN;
	}
	remember_pids(capture, options->pids, options->nr_pids);
	find_descendants(capture);
	return 0;
}

/* Before the dump is made, whose name may have the command's pid. */
static int start_command(struct capture *capture)
{
	char **words = capture->options->command;
	int error = words ? command_start(&capture->command, words, &capture->identity,
					  &capture->inherited)
			  : 0;

	return error ? command_refuse(words[0], error) : 0;
}

static int open_output(struct capture *capture)
{
	const struct capture_options *options = capture->options;
	struct utsname system;
	const struct output_options output = {
		.path = options->output,
		.force = options->force,
		.identity = &capture->identity,
		.values = { .pid = options->command ? capture->command.pid : options->pids[0],
			    .host = uname(&system) ? NULL : system.nodename,
			    .time_s = time(NULL) },
	};

	return output_open(&output, &capture->output) ? EXIT_FAILURE_OWN : 0;
}

/* ---- What is set up ---- */

static int refuse_loader(const struct loader *loader, int error)
{
	if (error == -ENOENT && !strcmp(loader->failed_step, "read")) {
		log_error("cannot read '%s': this kernel has no BTF", loader->failed_object);
		log_hint("a kernel built with CONFIG_DEBUG_INFO_BTF=y is needed (5.10 or later)");
		return EXIT_FAILURE_OWN;
	}
	log_error("cannot %s '%s': %s", loader->failed_step, loader->failed_object,
		  strerror(-error));
	if (error == -ENOMEM)
		log_hint("lower --max-nodes, --max-sites or --ring");
	else if (error == -EPERM)
		log_hint(REQUIREMENT_HINT_MEMLOCK);
	else
		log_hint("-vvv shows what the kernel says");
	return EXIT_FAILURE_OWN;
}

static bool may_use_jit(struct capture *capture, pid_t pid)
{
	struct inspect_process process;

	return !inspect_process(capture->inspector, pid, &process) && process.is_jit_on;
}

static void foresee(struct capture *capture)
{
	const char *list = capture->command.search_path;

	capture->interpreters = interpreters_new(&capture->loader, capture->inspector);
	/* The command gets memprobe's own environment. */
	if (capture->command.path && python_jit_is_on(getpid()))
		interpreters_expect_jit(capture->interpreters);
	for (size_t i = 0; i < capture->nr_pids; i++)
		if (may_use_jit(capture, capture->pids[i]))
			interpreters_expect_jit(capture->interpreters);
	if (capture->command.path)
		interpreters_foresee(capture->interpreters, capture->command.path,
				     list ? list : getenv("PATH"));
	for (size_t i = 0; i < capture->nr_pids; i++)
		interpreters_foresee_process(capture->interpreters, capture->pids[i]);
}

static int load(struct capture *capture)
{
	const struct capture_options *options = capture->options;
	struct loader_sizes sizes = {
		.max_nodes = options->max_nodes,
		.max_sites = options->max_sites,
		.ring_mb = options->ring_mb,
		.follow_children = !options->no_children,
		.has_calls_budget = options->calls_mode == CALLS_MODE_AUTO,
		.has_lines = options->lines,
		.has_instances = options->instances != NULL,
	};
	int error;

	foresee(capture);
	if (options->calls_mode != CALLS_MODE_OFF)
		sizes.call_frames = interpreters_call_frames(capture->interpreters);
	error = loader_open(&sizes, &capture->loader);
	if (error)
		return refuse_loader(&capture->loader, error);
	log_at(LOG_DECISIONS, "kernel: RSS counters %s",
	       capture->loader.features.has_percpu_counters ? "per CPU" : "cached in tasks");
	capture->expected_layout = interpreters_register(capture->interpreters);
	if (options->calls_mode != CALLS_MODE_OFF)
		capture->calls = calls_new(&capture->loader, capture->inspector);
	return 0;
}

static void note_unwalkable(struct capture *capture, const char *version, const char *reason,
			    uint32_t tgid)
{
	uint32_t string = string_pool_add(&capture->profile->strings, version);

	if (capture->noted_python == string)
		return;
	capture->noted_python = string;
	TELL(capture, "cannot walk 'python %s' in process %u: %s, its memory is booked by thread",
	     version, tgid, reason);
}

static void note_denied(struct capture *capture, uint32_t tgid)
{
	if (capture->has_noted_denied)
		return;
	capture->has_noted_denied = true;
	TELL(capture,
	     "cannot look into 'process %u': not allowed without CAP_SYS_PTRACE, its memory "
	     "is booked by thread",
	     tgid);
}

/* ---- Calls ---- */

static void set_calls_reason(struct capture *capture, uint32_t process, const char *reason)
{
	struct process *entry = &capture->profile->processes[process];

	entry->calls_reason = string_pool_add(&capture->profile->strings, reason);
	entry->is_dirty = true;
}

static void describe_counting(struct capture *capture, uint32_t process,
			      const struct probe_plan *plan, bool is_from_start)
{
	struct process *entry = &capture->profile->processes[process];

	entry->calls_method = plan->method == PROBE_BY_USDT ? CALLS_BY_USDT : CALLS_BY_UPROBE;
	entry->counts_ends = plan->event != PROBE_ENTRIES;
	entry->calls_seen = plan->event == PROBE_DEATHS ? CALLS_SEEN_ENDS : CALLS_SEEN_ALL;
	if (!is_from_start)
		entry->calls_seen = CALLS_SEEN_SOME;
	if (!is_from_start)
		set_calls_reason(capture, process, "counting began after the process");
	else if (plan->event == PROBE_DEATHS)
		set_calls_reason(capture, process, "generators' resumes are not seen");
}

static void refuse_counting(struct capture *capture, uint32_t process, const char *reason)
{
	uint32_t known = capture->profile->processes[process].calls_reason;

	if (!strcmp(profile_string(capture->profile, known), reason))
		return;
	set_calls_reason(capture, process, reason);
	log_later("calls of %u are not counted: %s", capture->profile->processes[process].pid,
		  reason);
}

/* A process that was given PYTHON_JIT on the way, so that its file's plan is one without. */
static bool loses_calls_to_jit(struct capture *capture, const struct interpreter_entry *entry,
			       uint32_t tgid)
{
	return entry->interpreter.version_hex >= 0x030f0000 &&
	       entry->plan.method == PROBE_BY_USDT && may_use_jit(capture, (pid_t)tgid);
}

/* A frame that began before would count when it ends. */
static int note_standing(struct capture *capture, uint32_t process, uint32_t tgid)
{
	if (interpreters_note_standing(capture->interpreters, drain_image(capture->drain, process),
				       tgid))
		return 0;
	calls_detach(capture->calls, tgid);
	return -ENOSPC;
}

static void begin_counting(struct capture *capture, uint32_t process, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(capture->interpreters, layout);
	uint32_t tgid = capture->profile->processes[process].pid;
	bool is_from_start = calls_is_attached(capture->calls, tgid);
	int error;

	if (!entry)
		return;
	if (loses_calls_to_jit(capture, entry, tgid)) {
		refuse_counting(capture, process,
				"its JIT is on, which memprobe was not told: set PYTHON_JIT for "
				"memprobe too");
		return;
	}
	error = calls_attach(capture->calls, tgid, NULL, entry);
	if (!error && entry->plan.event != PROBE_ENTRIES &&
	    capture->profile->processes[process].begin != BEGAN_EXEC)
		error = note_standing(capture, process, tgid);
	if (!error)
		describe_counting(capture, process, &entry->plan, is_from_start);
	else if (error == -ESRCH || error == -ENOENT)
		set_calls_reason(capture, process, "it ended before counting began");
	else if (!entry->plan.nr_sites)
		refuse_counting(capture, process, entry->plan.reason ? entry->plan.reason : "");
	else if (error == -EACCES && !requirement_may_probe_singly())
		refuse_counting(capture, process,
				"not allowed (kernel.perf_event_paranoid is above 2)");
	else if (error == -ENOSPC)
		refuse_counting(capture, process,
				"more frames had begun before than can be told from later ones");
	else
		refuse_counting(capture, process, strerror(-error));
}

/* Where no calls can be counted, the reason is known at once. */
static bool can_be_counted(const struct capture *capture, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(capture->interpreters, layout);

	return entry && entry->plan.nr_sites;
}

/* The command's probes are attached before it runs, an attached process's at once, others' at the
 * next flush. */
static void plan_counting(struct capture *capture, uint32_t process, uint32_t layout)
{
	const struct process *entry = &capture->profile->processes[process];

	if (!capture->calls) {
		set_calls_reason(capture, process, "--calls=off");
		return;
	}
	if (layout == NO_LAYOUT)
		return;
	if (calls_is_attached(capture->calls, entry->pid) || entry->begin == BEGAN_ATTACH ||
	    !can_be_counted(capture, layout)) {
		begin_counting(capture, process, layout);
		return;
	}
	set_calls_reason(capture, process, "it ended before counting began");
	capture->uncounted = array_reserve(capture->uncounted, &capture->uncounted_capacity,
					   capture->nr_uncounted + 1, sizeof(*capture->uncounted));
	capture->uncounted[capture->nr_uncounted++] = (struct uncounted){ process, layout };
}

/* The longest running first, and no longer than this at a flush: others wait for an answer
 * meanwhile. */
static void begin_late_counting(struct capture *capture)
{
	uint64_t end_ns = clock_ns() + ATTACHING_NS;
	size_t next = 0;

	while (next < capture->nr_uncounted) {
		struct uncounted uncounted = capture->uncounted[next];
		const struct process *process = &capture->profile->processes[uncounted.process];

		/* One that is found twice is counted since the first time. */
		if (process->end != END_RUNNING || process->calls_method != CALLS_BY_NOTHING) {
			next++;
			continue;
		}
		if (clock_ns() > end_ns || !calls_has_room(capture->calls))
			break;
		next++;
		begin_counting(capture, uncounted.process, uncounted.layout);
		drain_records(capture->drain);
	}
	capture->nr_uncounted -= next;
	memmove(capture->uncounted, capture->uncounted + next,
		capture->nr_uncounted * sizeof(*capture->uncounted));
}

static void on_calls_unseen(void *context, uint32_t process)
{
	struct capture *capture = context;
	struct process *entry = &capture->profile->processes[process];

	if (capture->calls && calls_is_attached(capture->calls, entry->pid))
		calls_detach(capture->calls, entry->pid);
	entry->calls_method = CALLS_BY_NOTHING;
	entry->counts_ends = false;
	refuse_counting(capture, process,
			"its probe was never hit, the compiler has copied the function where calls "
			"are counted into others");
}

static void on_calls_over(void *context, uint32_t process)
{
	struct capture *capture = context;
	uint32_t tgid = capture->profile->processes[process].pid;

	if (!capture->calls || !calls_is_attached(capture->calls, tgid))
		return;
	calls_detach(capture->calls, tgid);
	capture->profile->processes[process].calls_seen = CALLS_SEEN_SOME;
	set_calls_reason(capture, process, "the budget was spent, --calls=exact counts to the end");
	log_later("calls of %u are no longer counted: more would take over 1 %% of its CPU time, "
		  "--calls=exact counts all",
		  tgid);
}

static void name_objects_of(struct capture *capture, uint32_t process, uint32_t layout)
{
	const struct interpreter_entry *entry = interpreters_entry(capture->interpreters, layout);

	if (entry)
		object_names_set(capture->object_names, process,
				 (pid_t)capture->profile->processes[process].pid,
				 &entry->interpreter.layout);
}

static void on_python_found(void *context, uint32_t process, uint32_t layout)
{
	struct capture *capture = context;
	const char *version = interpreters_version(capture->interpreters, layout);

	capture->profile->processes[process].python = string_pool_add(&capture->profile->strings,
								      version);
	capture->profile->processes[process].is_dirty = true;
	name_objects_of(capture, process, layout);
	plan_counting(capture, process, layout);
}

static void on_unknown_python(void *context, uint32_t slot, uint32_t image_id, uint32_t tgid)
{
	struct capture *capture = context;
	uint32_t process = drain_process(capture->drain, image_id);
	struct found_python found = interpreters_resolve(capture->interpreters, slot, image_id,
							 tgid);

	if (found.is_denied)
		note_denied(capture, tgid);
	else if (!found.version && capture->is_adopting)
		log_note("process %u runs no Python: its memory is booked by thread", tgid);
	if (!found.version || process == NO_PROCESS)
		return;
	capture->profile->processes[process].python = string_pool_add(&capture->profile->strings,
								      found.version);
	capture->profile->processes[process].is_dirty = true;
	if (found.reason)
		note_unwalkable(capture, found.version, found.reason, tgid);
	name_objects_of(capture, process, found.layout);
	plan_counting(capture, process, found.layout);
}

/* By what runs there; when that has ended, or is another program by now, by the name that it was
 * begun by. */
static int look_at_program(struct capture *capture, const struct wire_image_begin *record)
{
	char link[64], path[PATH_MAX];
	int status = -ESRCH;
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/%u/exe", record->tgid);
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	if (length > 0)
		status = interpreters_foresee_program(capture->interpreters, path,
						      &record->program);
	if (status != -ESRCH &&
	    loader_is_live(&capture->loader, record->slot, record->head.image_id))
		return status;
	if (strnlen(record->args, record->args_bytes) == record->args_bytes)
		return -ESRCH;
	return interpreters_foresee_program(capture->interpreters, record->args, &record->program);
}

/* Each program once, so that the BPF side knows its interpreter, perhaps in this process already.
 */
static void on_program_unknown(void *context, uint32_t process,
			       const struct wire_image_begin *record)
{
	struct capture *capture = context;
	int status;

	if (!late_finds_begin(capture->late_finds, process, &record->program, record->head.time_ns))
		return;
	status = look_at_program(capture, record);
	interpreters_register(capture->interpreters);
	if (!status || status == -ENOENT || status == -ENOTSUP || status == -E2BIG)
		late_finds_tell(capture->late_finds, &record->program, !status, clock_ns());
}

static void on_name_objects(void *context, uint32_t process, const struct inspect_object *objects,
			    size_t count, char **ret_names)
{
	struct capture *capture = context;

	object_names_read(capture->object_names, process, objects, count, ret_names);
}

static void on_source_changed(void *context, const char *path)
{
	struct capture *capture = context;

	TELL(capture,
	     "cannot qualify names in '%s': it lacks what runs and has changed since, "
	     "names stay plain",
	     path);
}

/* An image that was forked or attached may share what it has with others. */
static void on_rss_changed(void *context, uint32_t process, const struct moment_share *share)
{
	struct capture *capture = context;
	const struct process *entry = &capture->profile->processes[process];

	moments_note(capture->moments, process, share,
		     entry->begin == BEGAN_EXEC ? 0 : entry->opening[KIND_ANON]);
}

static void on_image_ended(void *context, uint32_t process)
{
	struct capture *capture = context;

	moments_end(capture->moments, process);
	late_finds_end(capture->late_finds, process);
}

static void on_attached(void *context, uint32_t tgid)
{
	log_note("attached to %u", tgid);
}

static void on_process_ended(void *context, uint32_t tgid)
{
	struct capture *capture = context;

	if (capture->calls)
		calls_detach(capture->calls, tgid);
	capture->is_end_possible = true;
}

static void fill_meta(struct capture *capture)
{
	struct profile_meta *meta = &capture->profile->meta;
	struct utsname system;
	size_t count = 0;

	uname(&system);
	meta->kernel = xstrdup(system.release);
	meta->host = xstrdup(system.nodename);
	meta->memprobe = xstrdup(MEMPROBE_VERSION);
	meta->options = xstrdup(capture->options->options_text ? capture->options->options_text
							       : "");
	meta->started_s = time(NULL);
	meta->calls_mode = capture->options->calls_mode;
	if (!capture->options->command)
		return;
	while (capture->options->command[count])
		count++;
	meta->command = xcalloc(count + 1, sizeof(*meta->command));
	for (size_t i = 0; i < count; i++)
		meta->command[i] = xstrdup(capture->options->command[i]);
}

static int open_drain(struct capture *capture)
{
	const struct drain_listener listener = {
		.context = capture,
		.unknown_python = on_unknown_python,
		.python_found = on_python_found,
		.program_unknown = on_program_unknown,
		.calls_over = on_calls_over,
		.calls_unseen = on_calls_unseen,
		.name_objects = on_name_objects,
		.source_changed = on_source_changed,
		.rss_changed = on_rss_changed,
		.image_ended = on_image_ended,
		.attached = on_attached,
		.process_ended = on_process_ended,
	};

	capture->object_names = object_names_new(capture->options->label_attributes,
						 capture->inspector);
	capture->profile = profile_new();
	capture->moments = moments_new();
	capture->late_finds = late_finds_new(capture->profile);
	fill_meta(capture);
	capture->start_ns = clock_ns();
	capture->drain = drain_new(&capture->loader, capture->profile, capture->start_ns,
				   &listener);
	if (capture->drain) {
		drain_set_inspector(capture->drain, capture->inspector,
				    capture->identity.is_other ? &capture->caller : NULL);
		drain_set_parts(capture->drain, capture->options->lines,
				capture->options->instances);
		return 0;
	}
	log_error("cannot map 'ring buffer': %s", strerror(errno));
	return EXIT_FAILURE_OWN;
}

static int add_timer(struct capture *capture, int64_t first_ns, int64_t interval_ns)
{
	const struct itimerspec when = {
		.it_value = { first_ns / NS_PER_S, first_ns % NS_PER_S },
		.it_interval = { interval_ns / NS_PER_S, interval_ns % NS_PER_S },
	};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		timerfd_settime(fd, 0, &when, NULL);
	return fd;
}

static void watch(struct capture *capture, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	epoll_ctl(capture->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int open_loop(struct capture *capture)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGUSR1);
	if (signal(SIGHUP, SIG_DFL) == SIG_IGN) /* nohup */
		signal(SIGHUP, SIG_IGN);
	else
		sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	capture->epoll = epoll_create1(EPOLL_CLOEXEC);
	capture->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	capture->flush_timer = add_timer(capture, FLUSH_NS, FLUSH_NS);
	if (capture->epoll < 0 || capture->signals < 0 || capture->flush_timer < 0) {
		log_error("cannot watch 'signals': %s", strerror(errno));
		return EXIT_FAILURE_OWN;
	}
	watch(capture, drain_fd(capture->drain));
	watch(capture, capture->signals);
	watch(capture, capture->flush_timer);
	return 0;
}

/* ---- Start ---- */

static int attach_programs(struct capture *capture)
{
	int error = loader_attach(&capture->loader);

	return error ? refuse_loader(&capture->loader, error) : 0;
}

static int follow(struct capture *capture, uint32_t tgid, uint32_t ppid)
{
	int error = loader_follow(&capture->loader, tgid, ppid);

	if (error)
		log_error("cannot follow '%u': %s", tgid, strerror(-error));
	return error ? EXIT_FAILURE_OWN : 0;
}

static bool has_entry(const struct capture *capture, uint32_t tgid)
{
	for (size_t i = 0; i < capture->profile->nr_processes; i++) {
		if (capture->profile->processes[i].pid == tgid)
			return true;
	}
	return false;
}

/* One that ended before the programs were attached would be waited for forever. Of those that were
 * not named by the user nothing is said. */
static void forget_ended_pids(struct capture *capture)
{
	for (size_t i = 0; i < capture->nr_pids; i++) {
		uint32_t tgid = capture->pids[i];

		if (has_entry(capture, tgid))
			continue;
		bpf_map_delete_elem(loader_map(&capture->loader, "processes"), &tgid);
		if (capture->profile->nr_processes && i < capture->options->nr_pids)
			log_warning(
				"cannot attach '%u': the process has ended, continuing without it",
				tgid);
	}
}

/* Opens the books of the pids from `first` on. One that was forked after its parent's were opened
 * is followed already. */
static int adopt_from(struct capture *capture, size_t first)
{
	int processes = loader_map(&capture->loader, "processes"), status = 0;
	uint32_t ppid;

	for (size_t i = first; i < capture->nr_pids && !status; i++) {
		if (bpf_map_lookup_elem(processes, &capture->pids[i], &ppid))
			status = follow(capture, capture->pids[i], 0);
	}
	if (!status && loader_iterate(&capture->loader, LOADER_ADOPT)) {
		log_error("cannot attach '%d': the task iterator failed", (int)capture->pids[0]);
		status = EXIT_FAILURE_OWN;
	}
	drain_records(capture->drain);
	return status;
}

#define ADOPT_ROUNDS 16 /* that fork faster than /proc is read: the rest comes as children do */

static int adopt_pids(struct capture *capture)
{
	size_t first = 0;
	int status = 0;

	capture->is_adopting = true;
	for (int round = 0; round < ADOPT_ROUNDS && !status; round++) {
		status = adopt_from(capture, first);
		first = capture->nr_pids;
		if (!find_descendants(capture))
			break;
	}
	capture->is_adopting = false;
	forget_ended_pids(capture);
	if (!status && !capture->profile->nr_processes) {
		log_error("cannot attach '%d': the process has ended",
			  (int)capture->options->pids[0]);
		status = EXIT_FAILURE_OWN;
	}
	return status;
}

/* So that nothing of the command's calls is missed. */
static void count_command(struct capture *capture)
{
	const struct interpreter_entry *entry = interpreters_entry(capture->interpreters,
								   capture->expected_layout);
	int error;

	if (!capture->calls || !entry || !entry->path)
		return;
	error = calls_attach(capture->calls, capture->command.pid, entry->path, entry);
	if (!error && entry->plan.nr_sites == 1)
		loader_expect(&capture->loader,
			      entry->plan.sites[0].offset - entry->interpreter.text_offset +
				      entry->interpreter.text_vaddr,
			      capture->expected_layout);
	if (error && entry->plan.nr_sites)
		TELL(capture, "cannot count 'calls' in '%s': %s, continuing without", entry->path,
		     strerror(-error));
}

static int run_command(struct capture *capture)
{
	int status = follow(capture, capture->command.pid, getpid()), error;

	if (!status)
		status = attach_programs(capture);
	if (status)
		return status;
	count_command(capture);
	capture->start_ns = clock_ns();
	drain_set_start(capture->drain, capture->start_ns);
	error = command_release(&capture->command);
	return error ? command_refuse(capture->options->command[0], error) : 0;
}

static int begin(struct capture *capture)
{
	int status;

	if (capture->options->command) {
		status = run_command(capture);
	} else {
		status = attach_programs(capture);
		if (!status)
			status = adopt_pids(capture);
	}
	if (!status && capture->options->duration_s > 0) {
		capture->end_timer = add_timer(capture, capture->options->duration_s * NS_PER_S, 0);
		watch(capture, capture->end_timer);
	}
	return status;
}

/* ---- The loop ---- */

static void take_balance(struct capture *capture)
{
	if (!capture->loader.features.has_percpu_counters)
		loader_iterate(&capture->loader, LOADER_SETTLE);
	loader_iterate(&capture->loader, LOADER_BALANCE);
}

static void flush(struct capture *capture)
{
	uint64_t now_ns;

	take_balance(capture);
	drain_all(capture->drain);
	late_finds_settle(capture->late_finds);
	begin_late_counting(capture);
	drain_name_objects(capture->drain);
	capture->is_end_possible = true; /* should the record of an end have been lost */
	now_ns = clock_ns() - capture->start_ns;
	capture->profile->meta.duration_ns = now_ns;
	moments_look(capture->moments, capture->profile, now_ns);
	output_flush(capture->output, capture->profile);
	if (progress_is_wanted())
		progress_show(&capture->progress, capture->profile, drain_events(capture->drain),
			      now_ns);
}

/* Where calls are counted when frames end, those that stand have not been counted. Where they
 * cannot be read numbers are bounds. */
static void add_alive(struct capture *capture, struct alive *alive)
{
	for (uint32_t i = 0; i < capture->profile->nr_processes; i++) {
		struct process *process = &capture->profile->processes[i];
		uint32_t image_id;

		if (process->end != END_RUNNING || !process->counts_ends)
			continue;
		image_id = drain_image(capture->drain, i);
		if (image_id && !capture->options->lines && !capture->options->instances &&
		    alive_add(alive, capture->interpreters, &capture->loader, i, image_id))
			continue;
		process->calls_seen = CALLS_SEEN_SOME;
		process->is_dirty = true;
	}
}

static void write_snapshot(struct capture *capture)
{
	struct alive alive = { .profile = capture->profile };
	_cleanup_(freep) uint32_t *seen = NULL;
	size_t count;

	flush(capture);
	drain_note_time(capture->drain, clock_ns());
	count = capture->profile->nr_processes;
	seen = xcalloc(count, sizeof(*seen));
	for (size_t i = 0; i < count; i++)
		seen[i] = capture->profile->processes[i].calls_seen;
	add_alive(capture, &alive);
	output_snapshot(capture->output, capture->profile);
	for (size_t i = 0; i < count; i++)
		capture->profile->processes[i].calls_seen = seen[i];
	alive_take_back(&alive);
	alive_free(&alive);
}

static bool is_anyone_left(struct capture *capture)
{
	uint32_t tgid;

	return !bpf_map_get_next_key(loader_map(&capture->loader, "processes"), NULL, &tgid);
}

static void reap(struct capture *capture)
{
	int status;

	pid_t reaped;

	if (capture->command.pid <= 0)
		return;
	reaped = waitpid(capture->command.pid, &status, WNOHANG);
	if (reaped == 0 || (reaped < 0 && errno != ECHILD))
		return;
	capture->command.pid = 0;
	capture->status = reaped > 0 ? status : 0;
	capture->is_end_possible = true;
}

static void on_sigint(struct capture *capture)
{
	uint64_t now = clock_ns();

	/* The terminal has sent it to the command too; without one, it is for us. */
	if (capture->command.pid <= 0)
		capture->is_over = true;
	for (int i = HASTY_SIGINTS - 1; i > 0; i--)
		capture->sigint_ns[i] = capture->sigint_ns[i - 1];
	capture->sigint_ns[0] = now;
	if (capture->sigint_ns[HASTY_SIGINTS - 1] &&
	    now - capture->sigint_ns[HASTY_SIGINTS - 1] < HASTY_SIGINT_NS)
		capture->is_over = capture->is_hasty = true;
}

static void on_sigterm(struct capture *capture)
{
	if (++capture->nr_sigterms >= HASTY_SIGTERMS)
		capture->is_over = capture->is_hasty = true;
	else if (capture->command.pid > 0)
		kill(capture->command.pid, SIGTERM);
	else
		capture->is_over = true;
}

/* A shell tells its jobs, us and the command alike. Started without one (`ssh HOST memprobe ...`)
 * we are the session's leader, and the kernel tells nobody else. */
static void on_sighup(struct capture *capture)
{
	if (capture->command.pid <= 0)
		capture->is_over = true;
	else if (getsid(0) == getpid())
		kill(capture->command.pid, SIGHUP);
}

static void on_signals(struct capture *capture)
{
	struct signalfd_siginfo info;

	while (read(capture->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGINT)
			on_sigint(capture);
		else if (info.ssi_signo == SIGTERM)
			on_sigterm(capture);
		else if (info.ssi_signo == SIGCHLD)
			reap(capture);
		else if (info.ssi_signo == SIGUSR1)
			write_snapshot(capture);
		else if (info.ssi_signo == SIGHUP)
			on_sighup(capture);
	}
}

static void on_ready(struct capture *capture, int fd)
{
	uint64_t unused;

	if (fd == capture->signals) {
		on_signals(capture);
	} else if (fd == capture->flush_timer) {
		if (read(fd, &unused, sizeof(unused)) > 0)
			flush(capture);
	} else if (fd == capture->end_timer) {
		capture->is_over = true;
	} else {
		drain_records(capture->drain);
	}
}

/* Over when no process is left and their address spaces have been torn down. */
static void look_for_end(struct capture *capture)
{
	if (is_anyone_left(capture)) {
		capture->is_end_possible = false;
		capture->last_end_ns = 0;
		return;
	}
	if (!capture->last_end_ns)
		capture->last_end_ns = clock_ns();
	if (!drain_has_images(capture->drain) || clock_ns() - capture->last_end_ns > TEARDOWN_NS)
		capture->is_over = true;
}

static void loop(struct capture *capture)
{
	struct epoll_event events[4];

	while (!capture->is_over) {
		int count = epoll_wait(capture->epoll, events, ARRAY_SIZE(events), -1);

		for (int i = 0; i < count; i++)
			on_ready(capture, events[i].data.fd);
		if (capture->is_end_possible && capture->command.pid <= 0)
			look_for_end(capture);
	}
}

/* ---- End ---- */

static void end(struct capture *capture)
{
	struct alive alive = { .profile = capture->profile };

	for (int i = 0; i < BALANCE_TRIES; i++) {
		take_balance(capture);
		drain_records(capture->drain);
		if (drain_is_balanced(capture->drain))
			break;
	}
	loader_detach(&capture->loader);
	drain_finish(capture->drain, clock_ns());
	late_finds_settle(capture->late_finds);
	add_alive(capture, &alive);
	alive_free(&alive);
	capture->profile->meta.duration_ns = clock_ns() - capture->start_ns;
	moments_look(capture->moments, capture->profile, capture->profile->meta.duration_ns);
	capture->profile->meta.is_complete = true;
}

static int exit_status(const struct capture *capture)
{
	if (capture->is_hasty)
		return EXIT_SIGNAL_BASE +
		       (capture->nr_sigterms >= HASTY_SIGTERMS ? SIGTERM : SIGINT);
	if (!capture->options->command || capture->status < 0)
		return 0;
	if (WIFSIGNALED(capture->status))
		return EXIT_SIGNAL_BASE + WTERMSIG(capture->status);
	return WEXITSTATUS(capture->status);
}

static void release(struct capture *capture)
{
	command_abort(&capture->command);
	command_free(&capture->command);
	drain_free(capture->drain);
	calls_free(capture->calls);
	free(capture->uncounted);
	interpreters_free(capture->interpreters);
	object_names_free(capture->object_names);
	inspector_free(capture->inspector);
	free(capture->pids);
	moments_free(capture->moments);
	late_finds_free(capture->late_finds);
	loader_close(&capture->loader);
	closep(&capture->epoll);
	closep(&capture->signals);
	closep(&capture->flush_timer);
	closep(&capture->end_timer);
	identity_free(&capture->identity);
	free(capture->dump_path);
	free(capture);
}

static int set_up(struct capture *capture)
{
	static int (*const steps[])(struct capture *) = {
		check_rights, check_namespace, check_pids,  begin_inspector,
		find_command, start_command,   open_output, load,
		open_drain,   open_loop,       begin,
	};
	int status = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && !status; i++)
		status = steps[i](capture);
	return status;
}

static int give_up(struct capture *capture, int status)
{
	output_discard(capture->output);
	profile_free(capture->profile);
	release(capture);
	return status;
}

static struct capture *capture_new(const struct capture_options *options)
{
	struct capture *capture = xcalloc(1, sizeof(*capture));

	capture->options = options;
	capture->expected_layout = NO_LAYOUT;
	capture->status = -1;
	capture->epoll = capture->signals = capture->flush_timer = capture->end_timer = -1;
	capture->command.gate = capture->command.failure = -1;
	capture->loader.iterator = -1;
	inherited_read(&capture->inherited);
	inherited_raise_priority(&capture->inherited);
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of the write */
	identity_read(options->keep_root, &capture->identity);
	capture->caller = identity_user(&capture->identity);
	return capture;
}

int capture_run(const struct capture_options *options, struct profile **ret_profile,
		int *ret_status, bool *ret_is_hasty)
{
	struct capture *capture = capture_new(options);
	int status = set_up(capture), failure = 0;

	if (status)
		return give_up(capture, status);
	loop(capture);
	inherited_restore_priority(&capture->inherited);
	log_passing(NULL);
	if (capture->is_hasty) {
		flush(capture);
		output_abandon(capture->output);
	} else {
		end(capture);
		failure = output_close(capture->output, capture->profile, &capture->dump_path);
	}
	*ret_profile = capture->profile;
	*ret_status = failure ? EXIT_FAILURE_OWN : exit_status(capture);
	*ret_is_hasty = capture->is_hasty;
	if (capture->command.pid > 0)
		log_later("still running as PID %d", (int)capture->command.pid);
	capture->command.pid = 0; /* a command that still runs is left alone */
	kept = capture;
	return 0;
}

const char *capture_dump_path(void)
{
	return kept ? kept->dump_path : NULL;
}

void capture_finish(void)
{
	if (kept)
		release(kept);
	kept = NULL;
}
