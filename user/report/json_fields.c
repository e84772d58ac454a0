/* SPDX-License-Identifier: BSD-2-Clause */
/* The fields of JSON and JSON lines; see json_fields.h. */
#include "json_fields.h"

#include <time.h>

#include "memory.h"

#define JSON_VERSION 1

/* ---- Costs ---- */

static void write_kinds(struct json_writer *json, enum tree_metric metric, const struct cost *cost)
{
	const int64_t *amounts;

	if (!metrics[metric].by_kind) {
		json_writer_member_null(json, metrics[metric].name);
		return;
	}
	amounts = metrics[metric].by_kind(cost);
	json_writer_key(json, metrics[metric].name);
	json_writer_begin_object(json);
	json_writer_member_integer(json, "anon", amounts[KIND_ANON]);
	json_writer_member_integer(json, "file", amounts[KIND_FILE]);
	json_writer_member_integer(json, "shmem", amounts[KIND_SHMEM]);
	json_writer_member_integer(json, "swap", amounts[KIND_SWAP]);
	json_writer_end_object(json);
}

/* A row's bytes; numbers of things, as calls are, stand beside them. */
static void write_cost(struct json_writer *json, const char *key, const struct cost *cost)
{
	static const enum tree_metric by_kind[] = { METRIC_GROWN, METRIC_RELEASED, METRIC_LIVE,
						    METRIC_PEAK };

	json_writer_key(json, key);
	json_writer_begin_object(json);
	for (size_t i = 0; i < NR_METRICS; i++) {
		if (metrics[i].unit != UNIT_BYTES)
			continue;
		if (metrics[i].amount)
			json_writer_member_integer(json, metrics[i].name, metrics[i].amount(cost));
		else
			json_writer_member_null(json, metrics[i].name);
	}
	json_writer_key(json, "by_kind");
	json_writer_begin_object(json);
	for (size_t i = 0; i < ARRAY_SIZE(by_kind); i++)
		write_kinds(json, by_kind[i], cost);
	json_writer_end_object(json);
	json_writer_end_object(json);
}

/* ---- Nodes ---- */

static void write_site(struct json_writer *json, const struct calltree *tree,
		       const struct tree_node *node)
{
	const struct site *site;

	if (node->kind != TREE_PYTHON) {
		json_writer_member_null(json, "function");
		json_writer_member_null(json, "file");
		json_writer_member_null(json, "line");
		return;
	}
	site = &tree->profile->sites[node->site];
	json_writer_member_name(json, "function", profile_string(tree->profile, site->name));
	json_writer_member_name(json, "file", profile_string(tree->profile, site->file));
	json_writer_member_integer(json, "line", site->line);
}

static void write_object(struct json_writer *json, const struct calltree *tree,
			 const struct object *object)
{
	const char *pathname = NULL;

	if (object && object->pathname)
		pathname = profile_string(tree->profile, object->pathname - 1);
	if (object && object->instance != OTHER_INSTANCES)
		json_writer_member_integer(json, "instance", object->instance);
	else
		json_writer_member_null(json, "instance");
	json_writer_member_name(json, "pathname", pathname);
}

/* What a method ran on, and the line that is executed. */
static void write_objects(struct json_writer *json, const struct calltree *tree,
			  const struct tree_node *node)
{
	bool is_single = node->nr_objects == 1 && !node->is_crowded;
	int32_t at = node->kind == TREE_PYTHON ? tree->profile->sites[node->site].at : 0;

	json_writer_member_name(json, "class", label_class(tree, node));
	write_object(json, tree, is_single ? &tree->profile->objects[node->object] : NULL);
	if (node->nr_objects)
		json_writer_member_integer(json, "objects", node->nr_objects);
	else
		json_writer_member_null(json, "objects");
	if (at)
		json_writer_member_integer(json, "at", at);
	else
		json_writer_member_null(json, "at");
}

static void write_node_calls(struct json_writer *json, const struct calltree *tree,
			     const struct tree_node *node)
{
	enum tree_calls calls = calltree_calls(tree, node);

	if (calls == CALLS_UNKNOWN)
		json_writer_member_null(json, "calls");
	else
		json_writer_member_integer(json, "calls", node->calls);
	json_writer_key(json, "calls_exact");
	json_writer_bool(json, calls == CALLS_EXACT);
}

void json_fields_node(struct json_writer *json, const struct report *report,
		      const struct calltree *tree, uint32_t index)
{
	const struct tree_node *node = &tree->nodes[index];
	const struct cost self = calltree_self(tree, index), total = calltree_total(tree, index);
	_cleanup_(freep) char *label = label_text(&report->labels, tree, index);

	json_writer_member_string(json, "kind", calltree_kind_name(node->kind));
	write_site(json, tree, node);
	write_objects(json, tree, node);
	json_writer_member_name(json, "thread",
				node->kind == TREE_NATIVE ? label_thread(tree, node) : NULL);
	json_writer_member_name(json, "label", label);
	write_cost(json, "self", &self);
	write_cost(json, "total", &total);
	write_node_calls(json, tree, node);
}

/* ---- Processes ---- */

static const char *end_name(uint32_t end)
{
	static const char *const names[] = {
		[END_RUNNING] = "running",
		[END_EXIT] = "exit",
		[END_SIGNAL] = "signal",
		[END_EXEC] = "exec",
	};

	return names[end < ARRAY_SIZE(names) ? end : END_RUNNING];
}

static void write_exit(struct json_writer *json, const struct process *process)
{
	json_writer_key(json, "exit");
	if (process->end != END_EXIT && process->end != END_SIGNAL) {
		json_writer_null(json);
		return;
	}
	json_writer_begin_object(json);
	if (process->end == END_EXIT) {
		json_writer_member_integer(json, "code", process->exit_code);
		json_writer_member_null(json, "signal");
	} else {
		json_writer_member_null(json, "code");
		json_writer_member_integer(json, "signal", process->exit_signal);
	}
	json_writer_end_object(json);
}

static void write_identity(struct json_writer *json, const struct profile *profile,
			   const struct process *process)
{
	const char *python = profile_string(profile, process->python);
	uint64_t end_ns = process->end_ns;

	if (process->end == END_RUNNING && end_ns < profile->meta.duration_ns)
		end_ns = profile->meta.duration_ns;
	json_writer_member_integer(json, "pid", process->pid);
	json_writer_member_integer(json, "ppid", process->ppid);
	json_writer_member_name(json, "command", profile_string(profile, process->command));
	json_writer_member_name(json, "python", *python ? python : NULL);
	json_writer_member_seconds(json, "start", process->start_ns);
	json_writer_member_seconds(json, "end", end_ns);
	json_writer_member_string(json, "end_reason", end_name(process->end));
	write_exit(json, process);
}

static void write_balance(struct json_writer *json, const struct calltree *tree)
{
	const struct process *process = &tree->profile->processes[tree->process];
	struct report_balance balance = report_balance(tree);

	json_writer_key(json, "rss");
	json_writer_begin_object(json);
	json_writer_member_integer(json, "start", balance.start);
	json_writer_member_integer(json, "end", balance.end);
	json_writer_member_integer(json, "peak", process->peak);
	json_writer_member_null(json, "live");
	json_writer_end_object(json);
	json_writer_key(json, "balance");
	json_writer_begin_object(json);
	json_writer_member_integer(json, "start", balance.start);
	json_writer_member_integer(json, "growth", balance.growth);
	json_writer_member_integer(json, "end", balance.end);
	json_writer_member_integer(json, "kernel_end", balance.kernel_end);
	json_writer_member_integer(json, "unexplained", balance.unexplained);
	json_writer_end_object(json);
}

static void write_losses(struct json_writer *json, const struct loss_count losses[NR_LOSSES])
{
	json_writer_key(json, "losses");
	json_writer_begin_array(json);
	for (int loss = 0; loss < NR_LOSSES; loss++) {
		if (!losses[loss].events && !losses[loss].bytes)
			continue;
		json_writer_begin_object(json);
		json_writer_member_string(json, "reason", loss_sentence(loss));
		json_writer_member_integer(json, "events", losses[loss].events);
		json_writer_member_integer(json, "bytes", losses[loss].bytes);
		json_writer_member_integer(json, "grown",
					   losses[loss].bytes - losses[loss].released);
		json_writer_member_integer(json, "released", losses[loss].released);
		json_writer_end_object(json);
	}
	json_writer_end_array(json);
}

static void write_calls(struct json_writer *json, const struct profile *profile,
			const struct process *process)
{
	static const char *const methods[] = {
		[CALLS_BY_NOTHING] = "none",
		[CALLS_BY_USDT] = "usdt",
		[CALLS_BY_UPROBE] = "uprobe",
	};
	bool is_counted = process->calls_method != CALLS_BY_NOTHING;

	json_writer_key(json, "calls");
	json_writer_begin_object(json);
	json_writer_member_string(json, "method", methods[process->calls_method]);
	json_writer_key(json, "complete");
	json_writer_bool(json, is_counted && process->calls_seen != CALLS_SEEN_SOME);
	json_writer_member_string(json, "reason", report_calls_reason(profile, process));
	json_writer_end_object(json);
}

static void write_samples(struct json_writer *json, const struct process *process)
{
	json_writer_key(json, "rss_series");
	json_writer_begin_array(json);
	for (size_t i = 0; i < process->nr_samples; i++) {
		json_writer_begin_array(json);
		json_writer_seconds(json, process->samples[i].time_ns);
		json_writer_integer(json, process->samples[i].rss);
		json_writer_end_array(json);
	}
	json_writer_end_array(json);
}

static void write_threads(struct json_writer *json, const struct profile *profile,
			  const struct process *process)
{
	json_writer_key(json, "threads");
	json_writer_begin_array(json);
	for (size_t i = 0; i < process->nr_threads; i++) {
		const struct thread *thread = &process->threads[i];

		json_writer_begin_object(json);
		json_writer_member_integer(json, "tid", thread->tid);
		json_writer_member_name(json, "name", profile_string(profile, thread->name));
		json_writer_member_integer(json, "growth", thread->growth);
		json_writer_member_seconds(json, "start", thread->start_ns);
		json_writer_member_seconds(json, "end", thread->end_ns);
		json_writer_end_object(json);
	}
	json_writer_end_array(json);
}

struct calltree *json_fields_tree(const struct report *report, uint32_t process)
{
	struct calltree *tree = calltree_new(report->source, process), *pruned;

	if (!report->has_min)
		return tree;
	pruned = calltree_prune(tree, report->minimum);
	calltree_free(tree);
	return pruned;
}

void json_fields_process(struct json_writer *json, const struct calltree *tree)
{
	const struct profile *profile = tree->profile;
	const struct process *process = &profile->processes[tree->process];

	write_identity(json, profile, process);
	write_balance(json, tree);
	write_losses(json, process->losses);
	write_calls(json, profile, process);
	write_samples(json, process);
	write_threads(json, profile, process);
}

/* ---- What is of all processes ---- */

static void write_command(struct json_writer *json, char *const *command)
{
	json_writer_key(json, "command");
	json_writer_begin_array(json);
	for (; command && *command; command++)
		json_writer_string(json, *command);
	json_writer_end_array(json);
}

static void write_started(struct json_writer *json, int64_t started_s)
{
	time_t seconds = started_s;
	struct tm utc;
	char text[64] = "";

	if (gmtime_r(&seconds, &utc))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	json_writer_member_string(json, "started", *text ? text : NULL);
}

/* The highest moment of all processes together; null where there was never more than one. */
static void write_highest(struct json_writer *json, const struct moment *highest)
{
	if (!highest->bytes) {
		json_writer_member_null(json, "highest");
		return;
	}
	json_writer_key(json, "highest");
	json_writer_begin_object(json);
	json_writer_member_seconds(json, "time", highest->time_ns);
	json_writer_member_integer(json, "pss", highest->bytes);
	json_writer_member_integer(json, "rss", highest->rss);
	json_writer_member_integer(json, "processes", highest->nr_processes);
	json_writer_key(json, "exact");
	json_writer_bool(json, !highest->is_bound);
	json_writer_member_integer(json, "rss_most", highest->rss_most);
	json_writer_end_object(json);
}

void json_fields_format(struct json_writer *json)
{
	json_writer_member_string(json, "format", "memprobe");
	json_writer_member_integer(json, "version", JSON_VERSION);
}

void json_fields_meta(struct json_writer *json, const struct profile *profile)
{
	const struct profile_meta *meta = &profile->meta;

	write_command(json, meta->command);
	write_started(json, meta->started_s);
	json_writer_member_seconds(json, "duration", meta->duration_ns);
	json_writer_member_string(json, "kernel", meta->kernel);
	json_writer_member_string(json, "memprobe", meta->memprobe);
	json_writer_key(json, "calls");
	json_writer_begin_object(json);
	json_writer_member_string(json, "mode", calls_mode_name(meta->calls_mode));
	json_writer_end_object(json);
	/* Of no process; cli.md has a place only for those of one. */
	if (losses_any(profile->losses))
		write_losses(json, profile->losses);
	write_highest(json, &profile->highest);
	json_writer_key(json, "complete");
	json_writer_bool(json, meta->is_complete);
}
