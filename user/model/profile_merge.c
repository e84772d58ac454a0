/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of the other profile become this one's, then amounts are added; see profile_merge.h. */
#include "profile_merge.h"

#include <string.h>

#include "memory.h"
#include "profile_allocs.h"
#include "profile_held.h"
#include "profile_history.h"
#include "profile_match.h"
#include "profile_own.h"
#include "profile_roots.h"

struct merge {
	struct profile *profile;
	const struct profile *other;
	enum merge_sign sign;
	bool is_appended; /* no process is matched */
	const uint32_t
		*leaders; /* by process of `other`: which of it has its sums; NULL: each has */
	struct hash_table object_ids; /* of `profile`, by hash of the content */
	struct root_matches roots;
	uint32_t first_capture; /* of those of `other` */
	/* By number of `other`, that of `profile`; all owned. */
	uint32_t *strings, *processes, *objects, *sites, *nodes;
};

/* ---- What has a name ---- */

static void map_strings(struct merge *merge)
{
	const struct profile *other = merge->other;

	merge->strings = xcalloc(other->strings.count, sizeof(*merge->strings));
	for (uint32_t i = 0; i < other->strings.count; i++)
		merge->strings[i] = string_pool_add(&merge->profile->strings,
						    profile_string(other, i));
}

/* 64 bits that are drawn anew in each run stand for the content. */
static uint64_t hash_of_object(const struct object *object)
{
	const uint32_t identity[] = { object->process, object->class_name, object->instance,
				      object->pathname };

	return hash_bytes(identity, sizeof(identity), 0);
}

static uint32_t find_object(struct merge *merge, const struct object *object)
{
	uint64_t key = hash_of_object(object);
	uint32_t id;

	if (hash_table_get(&merge->object_ids, key, &id))
		return id;
	id = profile_add_object(merge->profile, object);
	hash_table_put(&merge->object_ids, key, id);
	return id;
}

static void map_objects(struct merge *merge)
{
	const struct profile *other = merge->other;

	/* Objects are of processes: none is there yet of one that is new. */
	for (uint32_t i = 0; i < merge->profile->nr_objects && !merge->is_appended; i++)
		hash_table_put(&merge->object_ids, hash_of_object(&merge->profile->objects[i]), i);
	merge->objects = xcalloc(other->nr_objects, sizeof(*merge->objects));
	for (size_t i = 0; i < other->nr_objects; i++) {
		struct object object = other->objects[i];

		object.process = merge->processes[object.process];
		object.class_name = merge->strings[object.class_name];
		if (object.pathname)
			object.pathname = merge->strings[object.pathname - 1] + 1;
		merge->objects[i] = find_object(merge, &object);
	}
}

/* A function that one version of a file has as a generator may be none in another: what is not
 * known to be exact of either is not said to be. */
static uint32_t add_site(struct profile *profile, const struct site *site)
{
	uint32_t id = profile_add_site(profile, site);

	profile->sites[id].is_resumable |= site->is_resumable;
	return id;
}

static void map_sites(struct merge *merge)
{
	const struct profile *other = merge->other;
	_cleanup_(freep) struct site *sites = xcalloc(other->nr_sites, sizeof(*sites));

	for (size_t i = 0; i < other->nr_sites; i++) {
		const struct site *theirs = &other->sites[i];
		const struct blob *table = &other->blobs[theirs->linetable];

		sites[i] = *theirs;
		sites[i].file = merge->strings[theirs->file];
		sites[i].name = merge->strings[theirs->name];
		if (theirs->linetable)
			sites[i].linetable = profile_find_blob(merge->profile, table->bytes,
							       table->size);
		if (theirs->part_object)
			sites[i].part_object = merge->objects[theirs->part_object - 1] + 1;
	}
	if (!merge->is_appended)
		profile_match_functions(merge->profile, other, merge->strings, sites);
	merge->sites = xcalloc(other->nr_sites, sizeof(*merge->sites));
	for (size_t i = 0; i < other->nr_sites; i++)
		merge->sites[i] = add_site(merge->profile, &sites[i]);
}

/* ---- Processes ---- */

static void add_kinds(int64_t sum[NR_KINDS], const int64_t more[NR_KINDS], int64_t sign)
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		sum[kind] += sign * more[kind];
}

/* How calls were counted in both, as far as that can be said of one. */
static void merge_calls(struct merge *merge, struct process *process, const struct process *other)
{
	bool is_counted = process->calls_method != CALLS_BY_NOTHING;
	bool is_other_counted = other->calls_method != CALLS_BY_NOTHING;

	if (!is_counted && !is_other_counted)
		return;
	if (is_counted && is_other_counted) {
		if (other->calls_seen != CALLS_SEEN_SOME && process->calls_seen != CALLS_SEEN_ALL)
			return;
		process->calls_seen = other->calls_seen;
		process->calls_reason = merge->strings[other->calls_reason];
		return;
	}
	if (merge->sign == MERGE_DIFFERENCE)
		process->calls_method = CALLS_BY_NOTHING;
	else if (is_other_counted)
		process->calls_method = other->calls_method;
	process->calls_seen = CALLS_SEEN_SOME;
	process->calls_reason = string_pool_add(
		&merge->profile->strings,
		merge->sign == MERGE_DIFFERENCE
			? "they were counted in one of two runs only"
			: "they were counted in some of the processes only");
}

/* What both have, in the process of `profile`. */
static void add_process(struct merge *merge, struct process *process, const struct process *other)
{
	int64_t sign = merge->sign;

	add_kinds(process->opening, other->opening, sign);
	add_kinds(process->books, other->books, sign);
	add_kinds(process->kernel, other->kernel, sign);
	process->peak += sign * other->peak;
	process->is_other_killed = sign == MERGE_DIFFERENCE && profile_is_killed(other);
	add_kinds(process->live, other->live, sign);
	add_kinds(process->peak_held, other->peak_held, sign);
	process->alloc_end += sign * other->alloc_end;
	process->alloc_peak += sign * other->alloc_peak;
	losses_add(process->losses, other->losses);
	profile_join_sources(process, other);
	process->is_dirty = true;
}

/* A process that allocated nothing has no allocations, which is no gap of a sum. */
static void merge_allocs(const struct merge *merge, struct process *process,
			 const struct process *other)
{
	/* Of what is whole only as long as it is alone. */
	process->unknown_frees = allocs_unknown_frees(process) + allocs_unknown_frees(other);
	if (merge->sign == MERGE_SUM)
		process->has_allocs |= other->has_allocs;
	else
		process->has_allocs &= other->has_allocs;
	if (process->allocs_since_ns < other->allocs_since_ns)
		process->allocs_since_ns = other->allocs_since_ns;
}

/* What is known of one of the two is not known of both. */
static void merge_owners(struct process *process, const struct process *other)
{
	process->has_owners &= other->has_owners;
	process->has_unshared &= other->has_unshared;
	process->has_mapped &= other->has_mapped;
	if (process->unshared_late_ns < other->unshared_late_ns)
		process->unshared_late_ns = other->unshared_late_ns;
}

/* Of a difference both stay: what grew is found by their rows. */
static void join_censuses(struct merge *merge, struct process *process, const struct process *other)
{
	bool is_pair = merge->sign == MERGE_DIFFERENCE && process->census && other->census &&
		       !process->census_before;

	census_delete(process->census_before);
	process->census_before = is_pair ? census_copy(other->census) : NULL;
	if (is_pair)
		return;
	census_delete(process->census);
	process->census = NULL;
}

/* The series are of two runs, and times of a difference those of `profile`. */
static void join_times(struct merge *merge, struct process *process, const struct process *other)
{
	process->nr_samples = 0;
	process->shares = (struct shares){ 0 };
	process->has_inside = false;
	join_censuses(merge, process, other);
	if (merge->sign == MERGE_DIFFERENCE)
		return;
	process->peak_time_ns = 0;
	if (other->start_ns < process->start_ns)
		process->start_ns = other->start_ns;
	if (other->end_ns > process->end_ns)
		process->end_ns = other->end_ns;
}

/* What was read of one process at one time, and stands for no other. */
static void copy_readings(struct process *process, const struct process *other)
{
	process->shares = other->shares;
	process->has_inside = other->has_inside;
	process->inside_ns = other->inside_ns;
	process->inside = other->inside;
	if (!other->census)
		return;
	process->census = census_copy(other->census);
	process->census_ns = other->census_ns;
	process->nr_censuses = 1;
}

static uint32_t reason_of(struct merge *merge, const struct process *other)
{
	struct profile *profile = merge->profile;

	if (profile->meta.calls_mode == CALLS_MODE_OFF ||
	    !profile_is_uncounted(merge->other, other))
		return merge->strings[other->calls_reason];
	return string_pool_add(&profile->strings, CALLS_OFF_REASON);
}

/* An entry that tells of itself what the other's does, and has no amounts yet. */
static uint32_t copy_process(struct merge *merge, const struct process *other)
{
	uint32_t index = profile_add_process(merge->profile);

	merge->profile->processes[index] = (struct process){
		.pid = other->pid,
		.ppid = other->ppid,
		.command = merge->strings[other->command],
		.python = merge->strings[other->python],
		.begin = other->begin,
		.end = other->end,
		.exit_code = other->exit_code,
		.exit_signal = other->exit_signal,
		.calls_method = other->calls_method,
		.calls_seen = other->calls_seen,
		.calls_reason = reason_of(merge, other),
		.sources = other->sources,
		.program_ns = other->program_ns,
		.start_ns = other->start_ns,
		.end_ns = other->end_ns,
		.capture = merge->first_capture + other->capture,
		.peak_time_ns = other->peak_time_ns,
		.has_owners = other->has_owners,
		.has_unshared = other->has_unshared,
		.unshared_late_ns = other->unshared_late_ns,
		.has_mapped = other->has_mapped,
		.has_allocs = other->has_allocs,
		.allocs_since_ns = other->allocs_since_ns,
		.unknown_frees = other->unknown_frees,
	};
	if (merge->sign == MERGE_SUM)
		copy_readings(&merge->profile->processes[index], other);
	for (size_t i = 0; i < other->nr_samples && merge->sign == MERGE_SUM; i++)
		profile_append_sample(&merge->profile->processes[index], other->samples[i]);
	return index;
}

static uint32_t *match_none(const struct profile *other)
{
	uint32_t *matches = xcalloc(other->nr_processes, sizeof(*matches));

	for (size_t i = 0; i < other->nr_processes; i++)
		matches[i] = NO_PROCESS;
	return matches;
}

static void map_processes(struct merge *merge)
{
	const struct profile *other = merge->other;

	if (merge->is_appended)
		merge->processes = match_none(other);
	else
		merge->processes = profile_match_processes(merge->profile, other, merge->strings,
							   merge->sign);
	for (size_t i = 0; i < other->nr_processes; i++) {
		const struct process *theirs = &other->processes[i];
		uint32_t *index = &merge->processes[i];
		struct process *ours;

		if (merge->leaders && merge->leaders[i] != i)
			*index = merge->processes[merge->leaders[i]];
		if (*index == NO_PROCESS) {
			*index = copy_process(merge, theirs);
			ours = &merge->profile->processes[*index];
		} else {
			ours = &merge->profile->processes[*index];
			merge_calls(merge, ours, theirs);
			merge_owners(ours, theirs);
			merge_allocs(merge, ours, theirs);
			join_times(merge, ours, theirs);
		}
		add_process(merge, ours, theirs);
	}
}

/* ---- Threads ---- */

/* The first of that name which no other has been added to, the one of the same number before all:
 * in two dumps of one run it is the same. */
static size_t find_thread(const struct process *process, const bool *is_taken, size_t count,
			  const struct thread *wanted)
{
	size_t found = count;

	for (size_t i = 0; i < count; i++) {
		const struct thread *thread = &process->threads[i];

		if (is_taken[i] || thread->name != wanted->name)
			continue;
		if (thread->tid == wanted->tid)
			return i;
		if (found == count)
			found = i;
	}
	return found;
}

static void merge_threads(struct merge *merge, uint32_t index, const struct process *other)
{
	struct process *process = &merge->profile->processes[index];
	size_t count = process->nr_threads;
	_cleanup_(freep) bool *is_taken = xcalloc(count, sizeof(*is_taken));

	for (size_t i = 0; i < other->nr_threads; i++) {
		struct thread thread = other->threads[i];
		size_t same;

		thread.name = merge->strings[thread.name];
		thread.growth *= merge->sign;
		same = find_thread(process, is_taken, count, &thread);
		if (same == count) {
			profile_add_thread(merge->profile, index, &thread);
			continue;
		}
		is_taken[same] = true;
		process->threads[same].growth += thread.growth;
	}
}

/* ---- Nodes ---- */

/* Lists begin with the last object. */
static void add_sightings(struct merge *merge, uint32_t index, const struct node *node)
{
	uint32_t objects[MAX_NODE_OBJECTS], count = 0;

	for (uint32_t next = node->sightings; next && count < MAX_NODE_OBJECTS;
	     next = merge->other->sightings[next - 1].next)
		objects[count++] = merge->other->sightings[next - 1].object;
	while (count--)
		profile_add_sighting(merge->profile, index, merge->objects[objects[count]]);
	merge->profile->nodes[index].is_crowded |= node->is_crowded;
}

static void add_node(struct merge *merge, uint32_t id)
{
	const struct node *node = &merge->other->nodes[id];
	const struct cost theirs = profile_cost(merge->other, id);
	uint32_t parent = node->parent == NO_NODE ? NO_NODE : merge->nodes[node->parent];
	size_t nr_known = merge->profile->nr_nodes;
	uint32_t process = merge->processes[node->process], site = merge->sites[node->site], index;
	struct cost cost = { 0 };

	if (parent == NO_NODE)
		site = root_matches_find(&merge->roots, merge->profile, process, node->process,
					 site);
	index = profile_add_node(merge->profile, process, parent, site, node->first_ns);
	if (merge->sign == MERGE_SUM)
		cost_add(&cost, &theirs);
	else
		cost_subtract(&cost, &theirs);
	merge->nodes[id] = index;
	if (index >= nr_known)
		merge->profile->nodes[index].origin = ORIGIN_OTHER;
	else if (merge->profile->nodes[index].origin == ORIGIN_OWN)
		merge->profile->nodes[index].origin = ORIGIN_BOTH;
	profile_add_cost(merge->profile, index, &cost);
	profile_add_calls(merge->profile, index, (uint64_t)merge->sign * node->calls);
	add_sightings(merge, index, node);
}

/* ---- The whole ---- */

static void merge_meta(struct merge *merge)
{
	struct profile *profile = merge->profile;
	const struct profile *other = merge->other;

	losses_add(profile->losses, other->losses);
	profile->meta.is_complete &= other->meta.is_complete;
	profile->meta.has_threads |= other->meta.has_threads;
	merge->first_capture = profile_add_captures(profile, other);
	if (merge->sign == MERGE_SUM)
		profile_join_meta(profile, &other->meta);
	if (!other->nr_processes)
		return;
	if (profile->nr_processes || merge->sign == MERGE_DIFFERENCE)
		profile->highest = (struct moment){ 0 };
	else
		profile->highest = other->highest;
}

static void merge_all(struct merge *merge)
{
	const struct profile *other = merge->other;

	merge_meta(merge);
	map_strings(merge);
	map_processes(merge);
	map_objects(merge);
	map_sites(merge);
	root_matches_begin(&merge->roots, merge->profile);
	for (uint32_t i = 0; i < other->nr_processes; i++)
		merge_threads(merge, merge->processes[i], &other->processes[i]);
	merge->nodes = xcalloc(other->nr_nodes, sizeof(*merge->nodes));
	for (uint32_t i = 0; i < other->nr_nodes; i++)
		add_node(merge, i);
}

void profile_append_end(struct profile *profile)
{
	profile_unsettle(profile);
	profile_forget_histories(profile);
}

static void merge_free(struct merge *merge)
{
	hash_table_free(&merge->object_ids);
	root_matches_free(&merge->roots);
	free(merge->strings);
	free(merge->processes);
	free(merge->objects);
	free(merge->sites);
	free(merge->nodes);
}

void profile_merge(struct profile *profile, const struct profile *other, enum merge_sign sign)
{
	struct merge merge = { .profile = profile, .other = other, .sign = sign };

	merge_all(&merge);
	merge_free(&merge);
	profile_append_end(profile);
}

void profile_append(struct profile *profile, const struct profile *other)
{
	struct merge merge = {
		.profile = profile, .other = other, .sign = MERGE_SUM, .is_appended = true
	};

	merge_all(&merge);
	merge_free(&merge);
}

void profile_append_groups(struct profile *profile, const struct profile *other,
			   const uint32_t *leaders, uint32_t **ret_processes, uint32_t **ret_nodes)
{
	struct merge merge = { .profile = profile,
			       .other = other,
			       .sign = MERGE_SUM,
			       .is_appended = true,
			       .leaders = leaders };

	merge_all(&merge);
	*ret_processes = TAKE(merge.processes);
	*ret_nodes = TAKE(merge.nodes);
	merge_free(&merge);
	profile_append_end(profile);
}
