/* SPDX-License-Identifier: BSD-2-Clause */
/* Records and sections, in the order that a reader needs; see dump_encode.h. */
#include "dump_encode.h"

#include <string.h>

#include "dump_bytes.h"
#include "dump_format.h"
#include "memory.h"

/* A section that has grown beyond is ended, and another with the same tag goes on. */
#define SECTION_BYTES 32768

struct encoder {
	struct dump_block *block;
	const struct profile *profile;
	const struct dump_marks *marks;
	enum dump_tag tag;
	struct dump_bytes section;
	uint64_t superseding;
	uint64_t last; /* what the next record's step in this section is counted from */
};

static void section_end(struct encoder *encoder)
{
	_cleanup_(dump_bytes_free) struct dump_bytes head = { 0 };

	if (encoder->section.size) {
		dump_bytes_put_unsigned(&head, encoder->tag);
		dump_bytes_put_unsigned(&head, encoder->section.size);
		dump_block_put(encoder->block, head.bytes, head.size);
		dump_block_put(encoder->block, encoder->section.bytes, encoder->section.size);
	}
	encoder->section.size = 0;
	encoder->last = 0;
}

/* Where a record of this tag is to be put. */
static struct dump_bytes *section_for(struct encoder *encoder, enum dump_tag tag)
{
	if (encoder->tag != tag || encoder->section.size > SECTION_BYTES)
		section_end(encoder);
	encoder->tag = tag;
	return &encoder->section;
}

/* The same for arrays whose elements have no number of their own: a section begins with the
 * number of its first. */
static struct dump_bytes *section_at(struct encoder *encoder, enum dump_tag tag, size_t index)
{
	struct dump_bytes *to = section_for(encoder, tag);

	if (!to->size)
		dump_bytes_put_unsigned(to, index);
	return to;
}

static void put_step(struct encoder *encoder, uint64_t value)
{
	dump_bytes_put_signed(&encoder->section, (int64_t)(value - encoder->last));
	encoder->last = value;
}

static void put_by_kind(struct dump_bytes *to, const int64_t by_kind[NR_KINDS])
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		dump_bytes_put_signed(to, by_kind[kind]);
}

static void put_meta(struct dump_bytes *to, const struct profile_meta *meta)
{
	size_t count = 0;

	while (meta->command && meta->command[count])
		count++;
	dump_bytes_put_unsigned(to, meta->command ? count + 1 : 0);
	for (size_t i = 0; i < count; i++)
		dump_bytes_put_counted(to, meta->command[i], strlen(meta->command[i]));
	dump_bytes_put_signed(to, meta->started_s);
	dump_bytes_put_text(to, meta->kernel);
	dump_bytes_put_text(to, meta->memprobe);
	dump_bytes_put_text(to, meta->host);
	dump_bytes_put_text(to, meta->options);
	dump_bytes_put_unsigned(to, meta->calls_mode);
}

static uint64_t meta_digest(const struct profile_meta *meta)
{
	_cleanup_(dump_bytes_free) struct dump_bytes record = { 0 };

	put_meta(&record, meta);
	return hash_bytes(record.bytes, record.size, 0);
}

static void encode_meta(struct encoder *encoder)
{
	const struct profile_meta *meta = &encoder->profile->meta;

	if (meta_digest(meta) != encoder->marks->meta) {
		put_meta(section_for(encoder, TAG_META), meta);
		encoder->superseding += encoder->marks->meta ? encoder->section.size : 0;
	}
	dump_bytes_put_unsigned(section_for(encoder, TAG_DURATION), meta->duration_ns);
	encoder->superseding += encoder->marks->meta ? encoder->section.size : 0;
}

static void encode_strings(struct encoder *encoder)
{
	const struct string_pool *pool = &encoder->profile->strings;
	size_t id = encoder->marks->nr_strings;

	for (id = id ? id : 1; id < pool->count; id++) {
		const char *text = pool->strings[id];

		dump_bytes_put_counted(section_at(encoder, TAG_STRINGS, id), text, strlen(text));
	}
}

static void encode_linetables(struct encoder *encoder)
{
	const struct profile *profile = encoder->profile;
	size_t id = encoder->marks->nr_blobs;

	for (id = id ? id : 1; id < profile->nr_blobs; id++) {
		const struct blob *blob = &profile->blobs[id];

		dump_bytes_put_counted(section_at(encoder, TAG_LINETABLES, id), blob->bytes,
				       blob->size);
	}
}

static uint32_t site_flags(const struct site *site)
{
	return (site->is_resumable ? DUMP_SITE_RESUMABLE : 0) |
	       (site->part_object || site->at ? DUMP_SITE_PART : 0);
}

static void encode_sites(struct encoder *encoder)
{
	for (size_t id = encoder->marks->nr_sites; id < encoder->profile->nr_sites; id++) {
		const struct site *site = &encoder->profile->sites[id];
		struct dump_bytes *to = section_at(encoder, TAG_SITES, id);

		dump_bytes_put_unsigned(to, site->kind);
		dump_bytes_put_unsigned(to, site->file);
		dump_bytes_put_unsigned(to, site->name);
		dump_bytes_put_signed(to, site->line);
		dump_bytes_put_unsigned(to, site->version | site_flags(site));
		dump_bytes_put_unsigned(to, site->linetable);
		if (!(site_flags(site) & DUMP_SITE_PART))
			continue;
		dump_bytes_put_unsigned(to, site->part_object);
		dump_bytes_put_signed(to, site->at);
	}
}

static void encode_objects(struct encoder *encoder)
{
	for (size_t id = 0; id < encoder->profile->nr_objects; id++) {
		const struct object *object = &encoder->profile->objects[id];
		struct dump_bytes *to;
		size_t before;

		if (id < encoder->marks->nr_objects && !object->is_dirty)
			continue;
		to = section_for(encoder, TAG_OBJECTS);
		before = to->size;
		dump_bytes_put_unsigned(to, id);
		dump_bytes_put_unsigned(to, object->process);
		dump_bytes_put_unsigned(to, object->class_name);
		dump_bytes_put_unsigned(to, object->instance);
		dump_bytes_put_unsigned(to, object->pathname);
		if (id < encoder->marks->nr_objects)
			encoder->superseding += to->size - before;
	}
}

static void put_sighting(struct encoder *encoder, size_t node, uint32_t object_plus_1)
{
	struct dump_bytes *to = section_for(encoder, TAG_SIGHTINGS);

	dump_bytes_put_unsigned(to, node);
	dump_bytes_put_unsigned(to, object_plus_1);
}

static void put_process(struct dump_bytes *to, size_t index, const struct process *process)
{
	dump_bytes_put_unsigned(to, index);
	dump_bytes_put_unsigned(to, process->pid);
	dump_bytes_put_unsigned(to, process->ppid);
	dump_bytes_put_unsigned(to, process->command);
	dump_bytes_put_unsigned(to, process->python);
	dump_bytes_put_unsigned(to, process->begin);
	dump_bytes_put_unsigned(to, process->end);
	dump_bytes_put_signed(to, process->exit_code);
	dump_bytes_put_unsigned(to, (uint32_t)process->exit_signal);
	dump_bytes_put_unsigned(to, process->start_ns);
	dump_bytes_put_unsigned(to, process->end_ns);
	put_by_kind(to, process->opening);
	put_by_kind(to, process->books);
	put_by_kind(to, process->kernel);
	dump_bytes_put_signed(to, process->peak);
	dump_bytes_put_unsigned(to, process->calls_method);
	dump_bytes_put_unsigned(to, process->calls_seen);
	dump_bytes_put_unsigned(to, process->calls_reason);
}

static bool has_changed(const struct encoder *encoder, size_t process)
{
	return process >= encoder->marks->nr_processes ||
	       encoder->profile->processes[process].is_dirty;
}

static void encode_processes(struct encoder *encoder)
{
	for (size_t i = 0; i < encoder->profile->nr_processes; i++) {
		struct dump_bytes *to;
		size_t before;

		if (!has_changed(encoder, i))
			continue;
		to = section_for(encoder, TAG_PROCESSES);
		before = to->size;
		put_process(to, i, &encoder->profile->processes[i]);
		if (i < encoder->marks->nr_processes)
			encoder->superseding += to->size - before;
	}
}

static void encode_nodes(struct encoder *encoder)
{
	for (size_t id = encoder->marks->nr_nodes; id < encoder->profile->nr_nodes; id++) {
		const struct node *node = &encoder->profile->nodes[id];
		struct dump_bytes *to = section_at(encoder, TAG_NODES, id);

		dump_bytes_put_unsigned(to, node->process);
		dump_bytes_put_unsigned(to, node->parent == NO_NODE ? 0 : id - node->parent);
		dump_bytes_put_unsigned(to, node->site);
		put_step(encoder, node->first_ns);
	}
}

/* The kinds that are not zero, grown in bits 0-3 and released in 4-7, then their values. */
static void put_cost(struct dump_bytes *to, const struct cost *cost)
{
	int64_t values[2 * NR_KINDS];
	unsigned int mask = 0;

	memcpy(values, cost->grown, sizeof(cost->grown));
	memcpy(values + NR_KINDS, cost->released, sizeof(cost->released));
	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++)
		mask |= values[i] ? 1U << i : 0;
	dump_bytes_put_unsigned(to, mask);
	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		if (values[i])
			dump_bytes_put_signed(to, values[i]);
	}
}

static uint64_t cost_digest(const struct cost *cost)
{
	return cost_is_zero(cost) ? 0 : hash_bytes(cost, sizeof(*cost), 0);
}

static struct dump_node_marks node_marks(const struct profile *profile, uint32_t id)
{
	const struct cost cost = profile_cost(profile, id);

	return (struct dump_node_marks){ cost_digest(&cost), profile->nodes[id].calls,
					 profile->nodes[id].is_crowded };
}

/* What of a node is in the file. Where calls are counted most nodes change in these alone, so that
 * the dirty mark does not tell enough. */
static struct dump_node_marks marks_of_node(const struct encoder *encoder, size_t id)
{
	return id < encoder->marks->nr_nodes ? encoder->marks->nodes[id]
					     : (struct dump_node_marks){ 0 };
}

static bool has_node_changed(const struct encoder *encoder, size_t id)
{
	return id >= encoder->marks->nr_nodes || encoder->profile->nodes[id].is_dirty;
}

static void encode_costs(struct encoder *encoder)
{
	for (size_t id = 0; id < encoder->profile->nr_nodes; id++) {
		const struct cost cost = profile_cost(encoder->profile, id);
		uint64_t written = marks_of_node(encoder, id).cost;
		struct dump_bytes *to;
		size_t before;

		if (!has_node_changed(encoder, id) || cost_digest(&cost) == written)
			continue;
		to = section_for(encoder, TAG_COSTS);
		before = to->size;
		put_step(encoder, id);
		put_cost(to, &cost);
		if (written)
			encoder->superseding += to->size - before;
	}
}

static void encode_calls(struct encoder *encoder)
{
	for (size_t id = 0; id < encoder->profile->nr_nodes; id++) {
		const struct node *node = &encoder->profile->nodes[id];
		uint64_t written = marks_of_node(encoder, id).calls;
		struct dump_bytes *to;
		size_t before;

		if (!has_node_changed(encoder, id) || node->calls == written)
			continue;
		to = section_for(encoder, TAG_CALLS);
		before = to->size;
		put_step(encoder, id);
		dump_bytes_put_unsigned(to, node->calls);
		if (written)
			encoder->superseding += to->size - before;
	}
}

/* Those of a node lie in its list, the newest first. */
static void encode_sightings(struct encoder *encoder)
{
	const struct profile *profile = encoder->profile;
	size_t known = encoder->marks->nr_sightings;

	for (size_t id = 0; id < profile->nr_nodes; id++) {
		const struct node *node = &profile->nodes[id];

		for (uint32_t next = node->sightings; next > known;
		     next = profile->sightings[next - 1].next)
			put_sighting(encoder, id, profile->sightings[next - 1].object + 1);
		if (node->is_crowded && !marks_of_node(encoder, id).is_crowded)
			put_sighting(encoder, id, 0);
	}
}

static void encode_samples(struct encoder *encoder, size_t index,
			   const struct dump_process_marks *marks)
{
	const struct process *process = &encoder->profile->processes[index];
	size_t first = process->nr_thinnings == marks->nr_thinnings ? marks->nr_samples : 0;
	const struct sample *before = first ? &process->samples[first - 1] : &(struct sample){ 0 };
	struct dump_bytes *to;
	size_t size_before;

	if (first >= process->nr_samples)
		return;
	to = section_for(encoder, TAG_SAMPLES);
	size_before = to->size;
	dump_bytes_put_unsigned(to, index);
	dump_bytes_put_unsigned(to, first);
	dump_bytes_put_unsigned(to, process->nr_samples - first);
	for (size_t i = first; i < process->nr_samples; i++) {
		const struct sample *sample = &process->samples[i];

		dump_bytes_put_unsigned(to, sample->time_ns - before->time_ns);
		dump_bytes_put_signed(to, sample->rss - before->rss);
		before = sample;
	}
	if (marks->nr_samples && !first)
		encoder->superseding += to->size - size_before;
}

static uint64_t thread_digest(const struct thread *thread)
{
	_Static_assert(sizeof(*thread) == 32, "no padding to digest");
	return hash_bytes(thread, sizeof(*thread), 0);
}

static void encode_threads(struct encoder *encoder, size_t index,
			   const struct dump_process_marks *marks)
{
	const struct process *process = &encoder->profile->processes[index];

	for (size_t i = 0; i < process->nr_threads; i++) {
		const struct thread *thread = &process->threads[i];
		struct dump_bytes *to;
		size_t before;

		if (i < marks->nr_threads && marks->threads[i] == thread_digest(thread))
			continue;
		to = section_for(encoder, TAG_THREADS);
		before = to->size;
		dump_bytes_put_unsigned(to, index);
		dump_bytes_put_unsigned(to, i);
		dump_bytes_put_unsigned(to, thread->tid);
		dump_bytes_put_unsigned(to, thread->name);
		dump_bytes_put_signed(to, thread->growth);
		dump_bytes_put_unsigned(to, thread->start_ns);
		dump_bytes_put_unsigned(to, thread->end_ns);
		if (i < marks->nr_threads)
			encoder->superseding += to->size - before;
	}
}

/* Owner 0 is the profile, N + 1 process N. */
static void put_loss(struct encoder *encoder, size_t owner, int loss,
		     const struct loss_count *count)
{
	struct dump_bytes *to = section_for(encoder, TAG_LOSSES);

	dump_bytes_put_unsigned(to, owner);
	dump_bytes_put_unsigned(to, (unsigned int)loss);
	dump_bytes_put_unsigned(to, count->events);
	dump_bytes_put_unsigned(to, count->bytes);
	if (!count->released)
		return;
	to = section_for(encoder, TAG_LOSSES_RELEASED);
	dump_bytes_put_unsigned(to, owner);
	dump_bytes_put_unsigned(to, (unsigned int)loss);
	dump_bytes_put_unsigned(to, count->released);
}

static void encode_losses(struct encoder *encoder)
{
	const struct profile *profile = encoder->profile;

	for (int loss = 0; loss < NR_LOSSES; loss++) {
		if (memcmp(&profile->losses[loss], &encoder->marks->losses[loss],
			   sizeof(profile->losses[loss])) != 0)
			put_loss(encoder, 0, loss, &profile->losses[loss]);
	}
	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct loss_count *losses = profile->processes[i].losses;

		for (int loss = 0; has_changed(encoder, i) && loss < NR_LOSSES; loss++) {
			if (losses[loss].events || losses[loss].bytes)
				put_loss(encoder, i + 1, loss, &losses[loss]);
		}
	}
}

static void encode_moment(struct encoder *encoder)
{
	const struct moment *highest = &encoder->profile->highest;
	struct dump_bytes *to;

	if (highest->bytes == encoder->marks->highest &&
	    highest->rss_most == encoder->marks->rss_most)
		return;
	to = section_for(encoder, TAG_MOMENT);
	dump_bytes_put_unsigned(to, highest->time_ns);
	dump_bytes_put_signed(to, highest->bytes);
	dump_bytes_put_signed(to, highest->rss);
	dump_bytes_put_unsigned(to, highest->nr_processes);
	encoder->superseding += encoder->marks->highest ? to->size : 0;
	to = section_for(encoder, TAG_MOMENT_BOUND);
	dump_bytes_put_unsigned(to, highest->is_bound);
	dump_bytes_put_signed(to, highest->rss_most);
	encoder->superseding += encoder->marks->highest ? to->size : 0;
}

/* What of a process is in the file. */
static const struct dump_process_marks *marks_of(const struct encoder *encoder, size_t process)
{
	static const struct dump_process_marks nothing;

	return process < encoder->marks->nr_processes ? &encoder->marks->processes[process]
						      : &nothing;
}

static void encode_series(struct encoder *encoder)
{
	for (size_t i = 0; i < encoder->profile->nr_processes; i++) {
		if (has_changed(encoder, i))
			encode_samples(encoder, i, marks_of(encoder, i));
	}
	for (size_t i = 0; i < encoder->profile->nr_processes; i++) {
		if (has_changed(encoder, i))
			encode_threads(encoder, i, marks_of(encoder, i));
	}
}

uint64_t dump_encode(struct dump_block *block, const struct profile *profile,
		     const struct dump_marks *marks)
{
	struct encoder encoder = { .block = block, .profile = profile, .marks = marks };

	encode_meta(&encoder);
	encode_strings(&encoder);
	encode_linetables(&encoder);
	encode_sites(&encoder);
	encode_processes(&encoder);
	encode_objects(&encoder);
	encode_nodes(&encoder);
	encode_costs(&encoder);
	encode_series(&encoder);
	encode_losses(&encoder);
	encode_calls(&encoder);
	encode_sightings(&encoder);
	encode_moment(&encoder);
	section_end(&encoder);
	dump_bytes_free(&encoder.section);
	return encoder.superseding;
}

void dump_marks_free(struct dump_marks *marks)
{
	for (size_t i = 0; i < marks->nr_processes; i++)
		free(marks->processes[i].threads);
	free(marks->processes);
	free(marks->nodes);
	*marks = (struct dump_marks){ 0 };
}

static void set_process(struct dump_process_marks *marks, const struct process *process)
{
	marks->nr_samples = process->nr_samples;
	marks->nr_thinnings = process->nr_thinnings;
	marks->nr_threads = process->nr_threads;
	marks->threads = array_reserve(marks->threads, &marks->threads_capacity,
				       process->nr_threads, sizeof(*marks->threads));
	for (size_t i = 0; i < process->nr_threads; i++)
		marks->threads[i] = thread_digest(&process->threads[i]);
}

static void set_nodes(struct dump_marks *marks, const struct profile *profile)
{
	marks->nodes = array_reserve(marks->nodes, &marks->nodes_capacity, profile->nr_nodes,
				     sizeof(*marks->nodes));
	for (size_t i = 0; i < profile->nr_nodes; i++) {
		if (i >= marks->nr_nodes || profile->nodes[i].is_dirty)
			marks->nodes[i] = node_marks(profile, i);
	}
	marks->nr_nodes = profile->nr_nodes;
}

void dump_marks_set(struct dump_marks *marks, const struct profile *profile)
{
	marks->processes = array_reserve(marks->processes, &marks->processes_capacity,
					 profile->nr_processes, sizeof(*marks->processes));
	for (size_t i = marks->nr_processes; i < profile->nr_processes; i++)
		marks->processes[i] = (struct dump_process_marks){ 0 };
	for (size_t i = 0; i < profile->nr_processes; i++) {
		if (i >= marks->nr_processes || profile->processes[i].is_dirty)
			set_process(&marks->processes[i], &profile->processes[i]);
	}
	marks->nr_processes = profile->nr_processes;
	set_nodes(marks, profile);
	marks->nr_strings = profile->strings.count;
	marks->nr_blobs = profile->nr_blobs;
	marks->nr_sites = profile->nr_sites;
	memcpy(marks->losses, profile->losses, sizeof(marks->losses));
	marks->nr_objects = profile->nr_objects;
	marks->nr_sightings = profile->nr_sightings;
	marks->highest = profile->highest.bytes;
	marks->rss_most = profile->highest.rss_most;
	marks->meta = meta_digest(&profile->meta);
}
