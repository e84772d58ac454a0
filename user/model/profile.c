/* SPDX-License-Identifier: BSD-2-Clause */
/* The arrays behind profile.h, and finding by content. */
#include "profile.h"

#include <string.h>

#include "memory.h"

const char *calls_mode_name(size_t mode)
{
	static const char *const names[] = {
		[CALLS_MODE_OFF] = "off",
		[CALLS_MODE_AUTO] = "auto",
		[CALLS_MODE_EXACT] = "exact",
	};

	return mode < ARRAY_SIZE(names) ? names[mode] : NULL;
}

struct profile *profile_new(void)
{
	struct profile *profile = xcalloc(1, sizeof(*profile));

	string_pool_init(&profile->strings);
	profile_add_blob(profile, "", 0);
	return profile;
}

static void meta_free(struct profile_meta *meta)
{
	for (char **word = meta->command; word && *word; word++)
		free(*word);
	free(meta->command);
	free(meta->kernel);
	free(meta->memprobe);
	free(meta->host);
	free(meta->options);
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	meta_free(&profile->meta);
	string_pool_free(&profile->strings);
	for (size_t i = 0; i < profile->nr_blobs; i++)
		free(profile->blobs[i].bytes);
	for (size_t i = 0; i < profile->nr_processes; i++) {
		free(profile->processes[i].samples);
		census_delete(profile->processes[i].census);
		census_delete(profile->processes[i].census_before);
		free(profile->processes[i].threads);
		hash_table_free(&profile->processes[i].thread_ids);
	}
	free(profile->sites);
	free(profile->blobs);
	free(profile->nodes);
	free(profile->processes);
	hash_table_free(&profile->site_ids);
	free(profile->node_ids.slots);
	amounts_free(&profile->costs);
	free(profile->held);
	free(profile->allocs);
	hash_table_free(&profile->allocs_ids);
	free(profile->histories);
	hash_table_free(&profile->history_ids);
	hash_table_free(&profile->sighting_ids);
	hash_table_free(&profile->blob_ids);
	free(profile->objects);
	free(profile->sightings);
	free(profile->captures);
	free(profile->snapshots);
	free(profile);
}

void profile_freep(struct profile **profile)
{
	profile_free(*profile);
}

const char *profile_string(const struct profile *profile, uint32_t string)
{
	return string_pool_get(&profile->strings, string);
}

void profile_add_snapshot(struct profile *profile, uint64_t time_ns)
{
	if (profile->nr_snapshots == PROFILE_MAX_SNAPSHOTS)
		return;
	profile->snapshots = array_reserve(profile->snapshots, &profile->snapshots_capacity,
					   profile->nr_snapshots + 1, sizeof(*profile->snapshots));
	profile->snapshots[profile->nr_snapshots++] = time_ns;
}

bool site_is_init_shim(const struct profile *profile, const struct site *site)
{
	return site->kind == SITE_PYTHON &&
	       !strcmp(profile_string(profile, site->file), "__init__") &&
	       !strcmp(profile_string(profile, site->name), "__init__");
}

static bool is_same_site(const struct site *a, const struct site *b)
{
	return a->kind == b->kind && a->file == b->file && a->name == b->name &&
	       a->line == b->line && a->part_object == b->part_object && a->at == b->at &&
	       a->offset == b->offset;
}

uint32_t profile_add_site(struct profile *profile, const struct site *site)
{
	uint32_t identity[] = { site->kind,
				site->file,
				site->name,
				site->line,
				site->part_object,
				site->at,
				(uint32_t)site->offset,
				(uint32_t)(site->offset >> 32) };
	uint64_t hash = hash_bytes(identity, sizeof(identity), 0);
	uint32_t id;

	for (; hash_table_get(&profile->site_ids, hash, &id); hash++) {
		if (!is_same_site(&profile->sites[id], site))
			continue;
		/* A dump of an older memprobe does not tell coroutines; another may. */
		profile->sites[id].is_coroutine |= site->is_coroutine;
		return id;
	}
	profile->sites = array_reserve(profile->sites, &profile->sites_capacity,
				       profile->nr_sites + 1, sizeof(*profile->sites));
	profile->sites[profile->nr_sites] = *site;
	profile->has_native |= site->kind == SITE_C;
	hash_table_put(&profile->site_ids, hash, profile->nr_sites);
	return profile->nr_sites++;
}

uint32_t profile_add_blob(struct profile *profile, const void *bytes, uint32_t size)
{
	profile->blobs = array_reserve(profile->blobs, &profile->blobs_capacity,
				       profile->nr_blobs + 1, sizeof(*profile->blobs));
	profile->blobs[profile->nr_blobs] = (struct blob){ .bytes = xmemdup(bytes, size),
							   .size = size };
	return profile->nr_blobs++;
}

uint32_t profile_find_blob(struct profile *profile, const void *bytes, uint32_t size)
{
	uint64_t hash = hash_bytes(bytes, size, 0);
	uint32_t id;

	for (; hash_table_get(&profile->blob_ids, hash, &id); hash++) {
		if (profile->blobs[id].size == size &&
		    !memcmp(profile->blobs[id].bytes, bytes, size))
			return id;
	}
	id = profile_add_blob(profile, bytes, size);
	hash_table_put(&profile->blob_ids, hash, id);
	return id;
}

#define FIRST_SLOTS 64

static size_t slot_of(const struct node_index *index, uint32_t process, uint32_t parent,
		      uint32_t site)
{
	uint32_t identity[] = { process, parent, site };

	return hash_bytes(identity, sizeof(identity), 0) & (index->capacity - 1);
}

/* The slot with the node, or the free one where it belongs. */
static uint32_t *find_slot(const struct profile *profile, const struct node *wanted)
{
	const struct node_index *index = &profile->node_ids;
	size_t slot = slot_of(index, wanted->process, wanted->parent, wanted->site);

	for (;; slot = (slot + 1) & (index->capacity - 1)) {
		const struct node *node;

		if (!index->slots[slot])
			return &index->slots[slot];
		node = &profile->nodes[index->slots[slot] - 1];
		if (node->process == wanted->process && node->parent == wanted->parent &&
		    node->site == wanted->site)
			return &index->slots[slot];
	}
}

void profile_index_nodes(struct profile *profile)
{
	struct node_index *index = &profile->node_ids;

	if (index->capacity)
		memset(index->slots, 0, index->capacity * sizeof(*index->slots));
	for (size_t i = 0; i < profile->nr_nodes && index->capacity; i++) {
		uint32_t *slot = find_slot(profile, &profile->nodes[i]);

		if (!*slot)
			*slot = (uint32_t)i + 1;
	}
}

/* Room for one node more; half of the slots stay free. */
static void reserve_slot(struct profile *profile)
{
	struct node_index *index = &profile->node_ids;

	if (index->capacity > 2 * profile->nr_nodes)
		return;
	free(index->slots);
	index->capacity = index->capacity ? 2 * index->capacity : FIRST_SLOTS;
	index->slots = xcalloc(index->capacity, sizeof(*index->slots));
	for (size_t i = 0; i < profile->nr_nodes; i++)
		*find_slot(profile, &profile->nodes[i]) = (uint32_t)i + 1;
}

uint32_t profile_add_node(struct profile *profile, uint32_t process, uint32_t parent, uint32_t site,
			  uint64_t first_ns)
{
	const struct node node = {
		.parent = parent, .site = site, .process = process, .first_ns = first_ns
	};
	uint32_t *slot;

	reserve_slot(profile);
	slot = find_slot(profile, &node);
	if (*slot)
		return *slot - 1;
	profile->nodes = array_reserve(profile->nodes, &profile->nodes_capacity,
				       profile->nr_nodes + 1, sizeof(*profile->nodes));
	profile->nodes[profile->nr_nodes] = node;
	*slot = (uint32_t)++profile->nr_nodes;
	return *slot - 1;
}

uint32_t profile_add_root(struct profile *profile, uint32_t process, enum wire_site_kind kind,
			  uint64_t first_ns)
{
	const struct site site = { .kind = kind };

	return profile_add_node(profile, process, NO_NODE, profile_add_site(profile, &site),
				first_ns);
}

void profile_note_change(struct profile *profile, uint32_t node)
{
	profile->nodes[node].has_changed = true;
	profile->have_nodes_changed = true;
}

void profile_add_cost(struct profile *profile, uint32_t node, const struct cost *cost)
{
	if (cost_is_zero(cost))
		return;
	amounts_add(&profile->costs, node, cost);
	profile_note_change(profile, node);
}

struct cost profile_cost(const struct profile *profile, uint32_t node)
{
	return amounts_get(&profile->costs, node);
}

void profile_add_calls(struct profile *profile, uint32_t node, uint64_t calls)
{
	profile->nodes[node].calls += calls;
	profile_note_change(profile, node);
}

uint32_t profile_add_object(struct profile *profile, const struct object *object)
{
	profile->objects = array_reserve(profile->objects, &profile->objects_capacity,
					 profile->nr_objects + 1, sizeof(*profile->objects));
	profile->objects[profile->nr_objects] = *object;
	profile->objects[profile->nr_objects].is_dirty = true;
	return profile->nr_objects++;
}

void profile_add_sighting(struct profile *profile, uint32_t node, uint32_t object)
{
	uint64_t key = (uint64_t)node << 32 | object;
	uint32_t id;

	if (hash_table_get(&profile->sighting_ids, key, &id))
		return;
	if (profile->nodes[node].nr_sightings == MAX_NODE_OBJECTS) {
		if (!profile->nodes[node].is_crowded)
			profile_note_change(profile, node);
		profile->nodes[node].is_crowded = true;
		return;
	}
	profile->nodes[node].nr_sightings++;
	profile->sightings = array_reserve(profile->sightings, &profile->sightings_capacity,
					   profile->nr_sightings + 1, sizeof(*profile->sightings));
	id = profile->nr_sightings++;
	profile->sightings[id] = (struct sighting){ object, profile->nodes[node].sightings };
	profile->nodes[node].sightings = id + 1;
	hash_table_put(&profile->sighting_ids, key, id);
}

uint32_t profile_add_process(struct profile *profile)
{
	profile->processes = array_reserve(profile->processes, &profile->processes_capacity,
					   profile->nr_processes + 1, sizeof(*profile->processes));
	profile->processes[profile->nr_processes] = (struct process){ .is_dirty = true };
	return profile->nr_processes++;
}

void profile_set_census(struct profile *profile, uint32_t index, const struct census *census,
			uint64_t time_ns)
{
	struct process *process = &profile->processes[index];

	census_delete(process->census);
	process->census = xmemdup(census, sizeof(*census));
	process->census_ns = time_ns;
	process->nr_censuses++;
	process->is_dirty = true;
}

/* Does RSS stay what sample `i` says for longer than samples are to be apart? */
static bool is_lasting(const struct process *process, size_t i, uint64_t distance_ns)
{
	return i + 1 < process->nr_samples &&
	       process->samples[i + 1].time_ns > process->samples[i].time_ns + 4 * distance_ns;
}

/* Of every two samples but the first the higher stays: peaks are what is looked for. The other
 * stays too where it stands for a long time (an eighth of all at most), or the higher would seem to
 * have lasted. From now on samples that come as thick are left out. */
static void thin_samples(struct process *process)
{
	const uint64_t span = process->samples[process->nr_samples - 1].time_ns -
			      process->samples[0].time_ns;
	const uint64_t distance = span / (process->nr_samples / 2) + 1;
	size_t kept = 1;

	for (size_t i = 1; i < process->nr_samples; i += 2) {
		bool is_pair = i + 1 < process->nr_samples;
		bool is_second = is_pair && process->samples[i + 1].rss > process->samples[i].rss;
		bool is_second_kept = is_second ||
				      (is_pair && is_lasting(process, i + 1, distance));

		if (!is_second || is_lasting(process, i, distance))
			process->samples[kept++] = process->samples[i];
		if (is_second_kept)
			process->samples[kept++] = process->samples[i + 1];
	}
	process->nr_samples = kept;
	process->nr_thinnings++;
	process->sample_distance_ns = span / kept;
}

void profile_append_sample(struct process *process, struct sample sample)
{
	process->samples = array_reserve(process->samples, &process->samples_capacity,
					 process->nr_samples + 1, sizeof(*process->samples));
	process->samples[process->nr_samples++] = sample;
	process->is_dirty = true;
}

static void add_sample(struct process *process, struct sample sample)
{
	if (process->nr_samples >= MAX_SAMPLES)
		thin_samples(process);
	profile_append_sample(process, sample);
}

static void let_wait(struct process *process, struct sample sample)
{
	if (!process->near_sample.time_ns || sample.rss > process->near_sample.rss)
		process->near_sample = sample;
	if (sample.time_ns > process->latest_sample.time_ns)
		process->latest_sample = sample;
}

/* The samples that have waited: a peak, and what RSS was from then on for a longer time. */
static void add_waiting(struct process *process, const struct sample *next)
{
	const struct sample high = process->near_sample, latest = process->latest_sample;
	const struct sample last = process->samples[process->nr_samples - 1];

	process->near_sample = process->latest_sample = (struct sample){ 0 };
	if (high.time_ns && high.rss > last.rss && high.rss > next->rss)
		add_sample(process, high);
	if (latest.time_ns > process->samples[process->nr_samples - 1].time_ns &&
	    next->time_ns > latest.time_ns + process->sample_distance_ns)
		add_sample(process, latest);
}

/* A sample that is written to a dump does not change, so that one that is too near waits for what
 * comes next. One that another CPU's has overtaken would go back in time, which a dump cannot say;
 * the peak is kept apart. */
void profile_add_sample(struct profile *profile, uint32_t index, uint64_t time_ns, int64_t rss)
{
	struct process *process = &profile->processes[index];
	const struct sample sample = { time_ns, rss };
	const struct sample *last;

	if (!process->nr_samples) {
		profile_append_sample(process, sample);
		return;
	}
	last = &process->samples[process->nr_samples - 1];
	if (time_ns < last->time_ns + process->sample_distance_ns) {
		if (time_ns > last->time_ns)
			let_wait(process, sample);
		return;
	}
	add_waiting(process, &sample);
	add_sample(process, sample);
}

void profile_clean(struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_nodes && profile->have_nodes_changed; i++) {
		profile->nodes[i].has_changed = false;
		profile->nodes[i].has_held_changed = false;
	}
	for (size_t i = 0; i < profile->nr_allocs && profile->have_nodes_changed; i++)
		profile->allocs[i].has_changed = false;
	for (size_t i = 0; i < profile->nr_histories && profile->have_nodes_changed; i++)
		profile->histories[i].has_changed = false;
	profile->have_nodes_changed = false;
	for (size_t i = 0; i < profile->nr_processes; i++)
		profile->processes[i].is_dirty = false;
	for (size_t i = 0; i < profile->nr_objects; i++)
		profile->objects[i].is_dirty = false;
}

/* Frames that stand at the end never come to the event that counts their calls. */
static bool lacks_open_calls(const struct process *process)
{
	if (!process->counts_ends || process->calls_seen == CALLS_SEEN_SOME)
		return false;
	if (process->kept_reason)
		return true;
	if (process->end == END_RUNNING)
		return !process->has_open_calls;
	if (process->has_last_calls)
		return false;
	return process->end != END_EXIT || !process->has_finalized || process->has_cut_threads;
}

uint32_t process_calls_seen(const struct process *process)
{
	return lacks_open_calls(process) ? CALLS_SEEN_SOME : process->calls_seen;
}

uint32_t process_calls_reason(const struct process *process)
{
	if (!lacks_open_calls(process))
		return process->calls_reason;
	return process->kept_reason ? process->kept_reason : process->open_reason;
}
