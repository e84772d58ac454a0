/* SPDX-License-Identifier: BSD-2-Clause */
/* One function a kind of section; see dump_decode.h. */
#include "dump_decode.h"

#include <errno.h>
#include <string.h>

#include "dump_bytes.h"
#include "dump_format.h"
#include "memory.h"
#include "profile.h"

/* What the cursor has found out so far. */
static int result_of(const struct dump_cursor *from)
{
	return from->is_bad ? -EBADMSG : 0;
}

/* The number of the first record of a section: the one after those that are there. */
static int take_first(struct dump_cursor *from, size_t count)
{
	uint64_t first = dump_cursor_unsigned(from, UINT32_MAX);

	return from->is_bad || first != count ? -EBADMSG : 0;
}

/* An id below count. */
static uint32_t take_id(struct dump_cursor *from, size_t count)
{
	uint64_t id = dump_cursor_unsigned(from, UINT32_MAX);

	if (id < count)
		return (uint32_t)id;
	from->is_bad = true;
	return 0;
}

/* All 32 bits: a hostile target's first line may be INT32_MIN. */
static int32_t take_int32(struct dump_cursor *from)
{
	int64_t value = dump_cursor_signed(from, -(int64_t)INT32_MIN);

	if (value <= INT32_MAX)
		return (int32_t)value;
	from->is_bad = true;
	return 0;
}

static void take_by_kind(struct dump_cursor *from, int64_t ret[NR_KINDS])
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		ret[kind] = dump_cursor_signed(from, DUMP_MAX_AMOUNT);
}

static void free_words(char **words)
{
	for (char **word = words; word && *word; word++)
		free(*word);
	free(words);
}

static void replace_text(char **text, struct dump_cursor *from)
{
	free(*text);
	*text = dump_cursor_text(from);
}

/* NULL-terminated; a word is a byte of the section at least. */
static char **take_words(struct dump_cursor *from)
{
	uint64_t counted = dump_cursor_unsigned(from, (uint64_t)(from->end - from->at));
	char **words;
	size_t length;

	if (!counted)
		return NULL;
	words = xcalloc(counted, sizeof(*words));
	for (size_t i = 0; i + 1 < counted && !from->is_bad; i++) {
		const char *word = dump_cursor_string(from, &length);

		words[i] = xstrndup(word, length);
	}
	return words;
}

static int decode_meta(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile_meta *meta = &decoder->profile->meta;

	free_words(meta->command);
	meta->command = take_words(from);
	meta->started_s = dump_cursor_signed(from, DUMP_MAX_TIME_NS / 1000000000);
	replace_text(&meta->kernel, from);
	replace_text(&meta->memprobe, from);
	replace_text(&meta->host, from);
	replace_text(&meta->options, from);
	meta->calls_mode = take_id(from, CALLS_MODE_EXACT + 1);
	return result_of(from);
}

static int decode_duration(struct dump_decoder *decoder, struct dump_cursor *from)
{
	decoder->profile->meta.duration_ns = dump_cursor_unsigned(from, DUMP_MAX_TIME_NS);
	return result_of(from);
}

static int decode_strings(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct string_pool *pool = &decoder->profile->strings;
	int err = take_first(from, pool->count);

	while (!err && dump_cursor_has_more(from)) {
		size_t length, count = pool->count;
		const char *text = dump_cursor_string(from, &length);

		if (count >= DUMP_MAX_STRINGS)
			return -EFBIG;
		if (from->is_bad || string_pool_add_bytes(pool, text, length) != count)
			return -EBADMSG;
	}
	return err;
}

static int decode_linetables(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;
	int err = take_first(from, profile->nr_blobs);

	while (!err && dump_cursor_has_more(from)) {
		size_t size;
		const void *bytes = dump_cursor_counted(from, &size);

		if (profile->nr_blobs >= DUMP_MAX_LINETABLES)
			return -EFBIG;
		if (from->is_bad)
			return -EBADMSG;
		profile_add_blob(profile, bytes, (uint32_t)size);
	}
	return err;
}

static void take_site(struct dump_cursor *from, const struct profile *profile, struct site *ret)
{
	ret->kind = take_id(from, NR_SITE_KINDS);
	ret->file = take_id(from, profile->strings.count);
	ret->name = take_id(from, profile->strings.count);
	ret->line = take_int32(from);
	ret->version = (uint32_t)dump_cursor_unsigned(from, DUMP_SITE_RESUMABLE | DUMP_SITE_PART |
								    UINT16_MAX);
	ret->linetable = take_id(from, profile->nr_blobs);
	if (ret->version & DUMP_SITE_PART) {
		ret->part_object = take_id(from, DUMP_MAX_OBJECTS + 1); /* has_objects() */
		ret->at = take_int32(from);
	}
	ret->is_resumable = !!(ret->version & DUMP_SITE_RESUMABLE);
	ret->version &= UINT16_MAX;
}

static int decode_sites(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;
	int err = take_first(from, profile->nr_sites);

	while (!err && dump_cursor_has_more(from)) {
		size_t count = profile->nr_sites;
		struct site site = { 0 };

		take_site(from, profile, &site);
		if (count >= DUMP_MAX_SITES)
			return -EFBIG;
		if (from->is_bad || profile_add_site(profile, &site) != count)
			return -EBADMSG;
	}
	return err;
}

static void take_process(struct dump_cursor *from, size_t nr_strings, struct process *ret)
{
	ret->pid = (uint32_t)dump_cursor_unsigned(from, UINT32_MAX);
	ret->ppid = (uint32_t)dump_cursor_unsigned(from, UINT32_MAX);
	ret->command = take_id(from, nr_strings);
	ret->python = take_id(from, nr_strings);
	ret->begin = take_id(from, BEGAN_ATTACH + 1);
	ret->end = take_id(from, END_EXEC + 1);
	ret->exit_code = take_int32(from);
	ret->exit_signal = (int32_t)dump_cursor_unsigned(from, DUMP_MAX_SIGNAL);
	ret->start_ns = dump_cursor_unsigned(from, DUMP_MAX_TIME_NS);
	ret->end_ns = dump_cursor_unsigned(from, DUMP_MAX_TIME_NS);
	take_by_kind(from, ret->opening);
	take_by_kind(from, ret->books);
	take_by_kind(from, ret->kernel);
	ret->peak = dump_cursor_signed(from, DUMP_MAX_AMOUNT);
	ret->calls_method = take_id(from, CALLS_BY_UPROBE + 1);
	ret->calls_seen = take_id(from, NR_CALLS_SEEN);
	ret->calls_reason = take_id(from, nr_strings);
}

/* Absolute: the first record of a process adds it, another one replaces what it holds. */
static int decode_processes(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (dump_cursor_has_more(from)) {
		uint32_t index = take_id(from, profile->nr_processes + 1);

		if (from->is_bad)
			return -EBADMSG;
		if (index >= DUMP_MAX_PROCESSES)
			return -EFBIG;
		if (index == profile->nr_processes)
			profile_add_process(profile);
		take_process(from, profile->strings.count, &profile->processes[index]);
	}
	return result_of(from);
}

/* How deep a node with this parent is; -EBADMSG when it cannot be its parent. */
static int depth_below(const struct dump_decoder *decoder, uint32_t parent, uint32_t process)
{
	if (parent == NO_NODE)
		return 0;
	if (decoder->profile->nodes[parent].process != process)
		return -EBADMSG;
	return decoder->depths[parent] + 1;
}

static int add_node(struct dump_decoder *decoder, const struct node *node)
{
	struct profile *profile = decoder->profile;
	size_t count = profile->nr_nodes;
	int depth = depth_below(decoder, node->parent, node->process);

	if (depth < 0)
		return depth;
	if (count >= DUMP_MAX_NODES || (unsigned int)depth >= DUMP_MAX_DEPTH)
		return -EFBIG;
	if (profile_add_node(profile, node->process, node->parent, node->site, node->first_ns) !=
	    count)
		return -EBADMSG;
	decoder->depths = array_reserve(decoder->depths, &decoder->depths_capacity, count + 1,
					sizeof(*decoder->depths));
	decoder->depths[count] = (uint16_t)depth;
	return 0;
}

static int decode_nodes(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;
	int err = take_first(from, profile->nr_nodes);
	uint64_t time = 0;

	while (!err && dump_cursor_has_more(from)) {
		uint32_t id = (uint32_t)profile->nr_nodes, distance;
		struct node node = { 0 };

		node.process = take_id(from, profile->nr_processes);
		distance = take_id(from, (size_t)id + 1);
		node.parent = distance ? id - distance : NO_NODE;
		node.site = take_id(from, profile->nr_sites);
		time = dump_cursor_step(from, time, DUMP_MAX_TIME_NS);
		node.first_ns = time;
		err = from->is_bad ? -EBADMSG : add_node(decoder, &node);
	}
	return err;
}

static void take_cost(struct dump_cursor *from, struct cost *ret)
{
	int64_t values[2 * NR_KINDS] = { 0 };
	uint64_t mask = dump_cursor_unsigned(from, (1U << ARRAY_SIZE(values)) - 1);

	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		if (mask >> i & 1)
			values[i] = dump_cursor_signed(from, DUMP_MAX_AMOUNT);
	}
	memcpy(ret->grown, values, sizeof(ret->grown));
	memcpy(ret->released, values + NR_KINDS, sizeof(ret->released));
}

static int decode_costs(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;
	struct cost cost;
	uint64_t id = 0;

	while (dump_cursor_has_more(from)) {
		id = dump_cursor_step(from, id, UINT32_MAX);
		if (from->is_bad || id >= profile->nr_nodes)
			return -EBADMSG;
		take_cost(from, &cost);
		amounts_set(&profile->costs, id, &cost);
	}
	return result_of(from);
}

static int decode_calls(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;
	uint64_t id = 0, calls;

	while (dump_cursor_has_more(from)) {
		id = dump_cursor_step(from, id, UINT32_MAX);
		calls = dump_cursor_unsigned(from, DUMP_MAX_CALLS);
		if (from->is_bad || id >= profile->nr_nodes)
			return -EBADMSG;
		profile->nodes[id].calls = calls;
	}
	return result_of(from);
}

/* Samples go on where those of the process ended, or begin anew: they were thinned. */
static int decode_run(struct profile *profile, struct dump_cursor *from)
{
	uint32_t index = take_id(from, profile->nr_processes);
	uint64_t first = dump_cursor_unsigned(from, MAX_SAMPLES);
	uint64_t count = dump_cursor_unsigned(from, MAX_SAMPLES), time = 0;
	struct process *process;
	int64_t rss = 0;

	if (from->is_bad || first + count > MAX_SAMPLES)
		return -EBADMSG;
	process = &profile->processes[index];
	if (first && first != process->nr_samples)
		return -EBADMSG;
	if (first) {
		time = process->samples[first - 1].time_ns;
		rss = process->samples[first - 1].rss;
	}
	process->nr_samples = first;
	for (uint64_t i = 0; i < count; i++) {
		time += dump_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		rss += dump_cursor_signed(from, 2 * DUMP_MAX_AMOUNT);
		if (from->is_bad || time > DUMP_MAX_TIME_NS || rss < -DUMP_MAX_AMOUNT ||
		    rss > DUMP_MAX_AMOUNT)
			return -EBADMSG;
		profile_add_sample(profile, index, time, rss);
	}
	return 0;
}

static int decode_samples(struct dump_decoder *decoder, struct dump_cursor *from)
{
	int err = 0;

	while (!err && dump_cursor_has_more(from))
		err = decode_run(decoder->profile, from);
	return err;
}

/* Absolute, as processes. */
static int decode_threads(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (dump_cursor_has_more(from)) {
		uint32_t index = take_id(from, profile->nr_processes), number;
		struct process *process;
		struct thread thread = { 0 };

		if (from->is_bad)
			return -EBADMSG;
		process = &profile->processes[index];
		number = take_id(from, process->nr_threads + 1);
		thread.tid = (uint32_t)dump_cursor_unsigned(from, UINT32_MAX);
		thread.name = take_id(from, profile->strings.count);
		thread.growth = dump_cursor_signed(from, DUMP_MAX_AMOUNT);
		thread.start_ns = dump_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		thread.end_ns = dump_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		if (from->is_bad)
			return -EBADMSG;
		if (number >= DUMP_MAX_THREADS)
			return -EFBIG;
		if (number == process->nr_threads)
			profile_append_thread(profile, index, &thread);
		else
			process->threads[number] = thread;
	}
	return result_of(from);
}

static int decode_losses(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (dump_cursor_has_more(from)) {
		uint32_t owner = take_id(from, profile->nr_processes + 1);
		uint32_t loss = take_id(from, NR_LOSSES);
		struct loss_count count = { 0 }, *losses;

		count.events = dump_cursor_unsigned(from, DUMP_MAX_AMOUNT);
		count.bytes = dump_cursor_unsigned(from, DUMP_MAX_AMOUNT);
		if (from->is_bad)
			return -EBADMSG;
		losses = owner ? profile->processes[owner - 1].losses : profile->losses;
		losses[loss] = count;
	}
	return result_of(from);
}

/* Part of a loss that is there: the writer puts both into one block. */
static int decode_losses_released(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (dump_cursor_has_more(from)) {
		uint32_t owner = take_id(from, profile->nr_processes + 1);
		uint32_t loss = take_id(from, NR_LOSSES);
		uint64_t released = dump_cursor_unsigned(from, DUMP_MAX_AMOUNT);
		struct loss_count *count;

		if (from->is_bad)
			return -EBADMSG;
		count = owner ? &profile->processes[owner - 1].losses[loss]
			      : &profile->losses[loss];
		if (released > count->bytes)
			return -EBADMSG;
		count->released = released;
	}
	return result_of(from);
}

static int decode_objects(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (dump_cursor_has_more(from)) {
		uint32_t id = take_id(from, profile->nr_objects + 1);
		struct object object = { 0 };

		object.process = take_id(from, profile->nr_processes);
		object.class_name = take_id(from, profile->strings.count);
		object.instance = (uint32_t)dump_cursor_unsigned(from, UINT32_MAX);
		object.pathname = take_id(from, profile->strings.count + 1);
		if (from->is_bad)
			return -EBADMSG;
		if (id == DUMP_MAX_OBJECTS)
			return -EFBIG;
		if (id == profile->nr_objects)
			profile_add_object(profile, &object);
		else
			profile->objects[id] = object;
	}
	return result_of(from);
}

static int decode_sightings(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (dump_cursor_has_more(from)) {
		uint32_t node = take_id(from, profile->nr_nodes);
		uint32_t object = take_id(from, profile->nr_objects + 1);

		if (from->is_bad)
			return -EBADMSG;
		if (object)
			profile_add_sighting(profile, node, object - 1);
		else
			profile->nodes[node].is_crowded = true;
	}
	return result_of(from);
}

static int decode_moment(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct moment *highest = &decoder->profile->highest;

	highest->time_ns = dump_cursor_unsigned(from, DUMP_MAX_TIME_NS);
	highest->bytes = dump_cursor_signed(from, DUMP_MAX_AMOUNT);
	highest->rss = dump_cursor_signed(from, DUMP_MAX_AMOUNT);
	highest->nr_processes = take_id(from, DUMP_MAX_PROCESSES + 1);
	return result_of(from);
}

static int decode_moment_bound(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct moment *highest = &decoder->profile->highest;

	highest->is_bound = dump_cursor_unsigned(from, 1);
	highest->rss_most = dump_cursor_signed(from, DUMP_MAX_AMOUNT);
	return result_of(from);
}

static const struct {
	uint64_t tag;
	int (*decode)(struct dump_decoder *decoder, struct dump_cursor *from);
} sections[] = {
	{ TAG_META, decode_meta },
	{ TAG_DURATION, decode_duration },
	{ TAG_STRINGS, decode_strings },
	{ TAG_LINETABLES, decode_linetables },
	{ TAG_SITES, decode_sites },
	{ TAG_PROCESSES, decode_processes },
	{ TAG_NODES, decode_nodes },
	{ TAG_COSTS, decode_costs },
	{ TAG_SAMPLES, decode_samples },
	{ TAG_THREADS, decode_threads },
	{ TAG_LOSSES, decode_losses },
	{ TAG_CALLS, decode_calls },
	{ TAG_MOMENT, decode_moment },
	{ TAG_OBJECTS, decode_objects },
	{ TAG_SIGHTINGS, decode_sightings },
	{ TAG_MOMENT_BOUND, decode_moment_bound },
	{ TAG_LOSSES_RELEASED, decode_losses_released },
};

int dump_decode_section(struct dump_decoder *decoder, uint64_t tag, const uint8_t *bytes,
			size_t size)
{
	struct dump_cursor from = { .at = bytes, .end = bytes + size };
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		if (sections[i].tag != tag)
			continue;
		err = sections[i].decode(decoder, &from);
		if (!err && (from.is_bad || from.at != from.end))
			err = -EBADMSG;
		return err;
	}
	return 0;
}

/* Adds an amount's absolute value: both are below the limits, so that this cannot overflow. */
static bool add_amount(int64_t *sum, int64_t amount)
{
	*sum += amount < 0 ? -amount : amount;
	return *sum <= DUMP_MAX_SUM;
}

static bool add_by_kind(int64_t *sum, const int64_t by_kind[NR_KINDS])
{
	for (int kind = 0; kind < NR_KINDS; kind++) {
		if (!add_amount(sum, by_kind[kind]))
			return false;
	}
	return true;
}

static bool add_losses(int64_t *events, int64_t *bytes, const struct loss_count *losses)
{
	for (int loss = 0; loss < NR_LOSSES; loss++) {
		if (!add_amount(events, (int64_t)losses[loss].events) ||
		    !add_amount(bytes, (int64_t)losses[loss].bytes))
			return false;
	}
	return true;
}

/* The objects of a block come behind its sites. */
static bool has_objects(const struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_sites; i++) {
		if (profile->sites[i].part_object > profile->nr_objects)
			return false;
	}
	return true;
}

static bool can_sum_nodes(const struct profile *profile)
{
	int64_t sum = 0;

	for (size_t i = 0; i < profile->nr_nodes; i++) {
		const struct cost self = profile_cost(profile, i);

		if (!add_by_kind(&sum, self.grown) || !add_by_kind(&sum, self.released))
			return false;
	}
	return true;
}

static bool can_sum_calls(const struct profile *profile)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < profile->nr_nodes; i++) {
		sum += profile->nodes[i].calls;
		if (sum > DUMP_MAX_CALLS)
			return false;
	}
	return true;
}

static bool can_sum_processes(const struct profile *profile)
{
	int64_t opening = 0, books = 0, kernel = 0, peak = 0, growth = 0, events = 0, bytes = 0;

	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		if (!add_by_kind(&opening, process->opening) ||
		    !add_by_kind(&books, process->books) ||
		    !add_by_kind(&kernel, process->kernel) || !add_amount(&peak, process->peak) ||
		    !add_losses(&events, &bytes, process->losses))
			return false;
		for (size_t j = 0; j < process->nr_threads; j++) {
			if (!add_amount(&growth, process->threads[j].growth))
				return false;
		}
	}
	return add_losses(&events, &bytes, profile->losses);
}

int dump_decode_check_sums(const struct profile *profile)
{
	if (!has_objects(profile) || !can_sum_nodes(profile) || !can_sum_calls(profile) ||
	    !can_sum_processes(profile))
		return -EBADMSG;
	return 0;
}
