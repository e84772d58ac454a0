/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The drain under arbitrary records and tables. An input is a byte of options, then steps: a kind,
 * a size of two bytes, and so many bytes. Whatever they hold, the profile must stay one that can be
 * written and read: parents before children and of the same process, every index inside its array,
 * and a record that is not sound counted.
 *
 * What fills the tables are numbers of our own programs, not of a target: amounts are kept within
 * what a machine can have.
 */
#include "fuzz_target.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "drain_fixture.h"
#include "memory.h"

enum step { STEP_RECORD, STEP_NODE, STEP_IMAGE, STEP_THREAD, STEP_HELD, STEP_DRAIN, NR_STEPS };

#define STEP_BYTES 3 /* kind and size */
#define OPTION_LINES 1
#define OPTION_CLASSES 2
#define OPTION_ONE_CLASS 4
#define OPTION_NAMES 8
#define OPTION_ENDS 16		     /* calls are counted when frames end */
#define OPTION_UNANSWERED 32	     /* nobody looks for names of objects */
#define MAX_AMOUNT ((1LL << 36) - 1) /* pages: so that sums of all inputs stay amounts */

/* Slots that the drain has to look through are what an input costs: memory that is warm is used
 * again. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64:malloc_context_size=3";
}

static void expect(bool is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "fuzz_records: %s\n", what);
	abort();
}

static void limit(__s64 *amounts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		amounts[i] &= MAX_AMOUNT;
}

/* An id, and its node as the BPF side might have laid it down. */
static void put_node(const uint8_t *bytes, size_t size)
{
	struct wire_node node = { 0 };
	uint32_t id;

	if (size < sizeof(id) + sizeof(node))
		return;
	memcpy(&id, bytes, sizeof(id));
	memcpy(&node, bytes + sizeof(id), sizeof(node));
	fake_nodes_put(id % (FAKE_IDS - 1) + 1, &node);
}

static void put_held(const uint8_t *bytes, size_t size)
{
	struct wire_held held = { 0 };
	uint32_t id;

	if (size < sizeof(id))
		return;
	memcpy(&id, bytes, sizeof(id));
	id = id % (FAKE_IDS - 1) + 1;
	size -= sizeof(id);
	memcpy(&held, bytes + sizeof(id), size < sizeof(held) ? size : sizeof(held));
	fake_loader_put("held", &id, &held);
	fake_nodes_mark(id);
}

static void put_image(const uint8_t *bytes, size_t size)
{
	struct wire_image image = { 0 };
	uint32_t slot;

	memcpy(&image, bytes, size < sizeof(image) ? size : sizeof(image));
	limit(image.opening, NR_KINDS);
	limit(image.closing, NR_KINDS);
	limit(image.books, NR_KINDS);
	limit(image.peak_books, NR_KINDS);
	limit(image.final_books, NR_KINDS);
	limit(&image.peak, 1);
	for (int kind = 0; kind < NR_KINDS; kind++) {
		image.lost_grown[kind] &= MAX_AMOUNT;
		image.lost_released[kind] &= MAX_AMOUNT;
	}
	image.loss_events[LOSS_name_unanswered] = 0; /* the BPF side counts none */
	slot = image.image_id % MAX_IMAGES;
	fake_loader_put("images", &slot, &image);
}

static void put_thread(const uint8_t *bytes, size_t size)
{
	struct wire_thread thread = { 0 };

	memcpy(&thread, bytes, size < sizeof(thread) ? size : sizeof(thread));
	limit(&thread.growth, 1);
	fake_loader_put("threads", &thread.tid, &thread);
}

static void count_ends(struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++)
		profile->processes[i].counts_ends = true;
}

static void play(struct drain *drain, unsigned int kind, const uint8_t *bytes, size_t size)
{
	switch (kind % NR_STEPS) {
	case STEP_RECORD:
		fake_loader_send(bytes, size);
		drain_records(drain);
		break;
	case STEP_NODE:
		put_node(bytes, size);
		break;
	case STEP_IMAGE:
		put_image(bytes, size);
		break;
	case STEP_HELD:
		put_held(bytes, size);
		break;
	case STEP_THREAD:
		put_thread(bytes, size);
		break;
	default:
		drain_all(drain);
	}
}

static void check_nodes(const struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_nodes; i++) {
		const struct node *node = &profile->nodes[i];

		expect(node->process < profile->nr_processes, "a node of no process");
		expect(node->site < profile->nr_sites, "a node without a site");
		expect(node->parent == NO_NODE || node->parent < i, "a parent after its child");
		expect(node->parent == NO_NODE ||
			       profile->nodes[node->parent].process == node->process,
		       "a parent in another process");
		expect(node->nr_sightings <= MAX_NODE_OBJECTS, "too many objects on a node");
	}
}

/* An object has no name, or nobody has looked for it: never more than there are. */
static void check_unanswered(const struct profile *profile)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < profile->nr_processes; i++)
		sum += profile->processes[i].losses[LOSS_name_unanswered].events;
	expect(sum <= profile->nr_objects, "more names are lost than there are objects");
}

static void check_profile(const struct profile *profile)
{
	check_nodes(profile);
	check_unanswered(profile);
	for (size_t i = 0; i < profile->nr_sites; i++) {
		const struct site *site = &profile->sites[i];

		expect(site->kind < NR_SITE_KINDS && site->line >= 0 && site->at >= 0,
		       "a site of numbers without sense");
		expect(site->file < profile->strings.count && site->name < profile->strings.count,
		       "a site without its texts");
		expect(site->linetable < profile->nr_blobs &&
			       site->part_object <= profile->nr_objects,
		       "a site without its parts");
	}
	for (size_t i = 0; i < profile->nr_objects; i++)
		expect(profile->objects[i].process < profile->nr_processes &&
			       profile->objects[i].pathname <= profile->strings.count,
		       "an object of no process");
	for (size_t i = 0; i < profile->nr_processes; i++)
		expect(profile->processes[i].begin <= BEGAN_ATTACH &&
			       profile->processes[i].pid <= RECORD_MAX_TID,
		       "a process of numbers without sense");
}

/* Whatever the BPF side says, sums are its images'. */
static void check_held(const struct profile *profile)
{
	struct cost *sums = xcalloc(profile->nr_processes, sizeof(*sums));

	for (uint32_t i = 0; i < profile->nr_nodes; i++) {
		const struct cost cost = profile_cost(profile, i);

		cost_add(&sums[profile->nodes[i].process], &cost);
	}
	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		if (!process->has_owners)
			continue;
		expect(!memcmp(sums[i].live, process->live, sizeof(process->live)),
		       "nodes do not hold what their process has");
		expect(cost_peak(&sums[i]) == process->peak, "nodes do not hold the peak");
	}
	free(sums);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct drain_fixture fixture;
	uint8_t options = size ? bytes[0] : 0;

	drain_fixture_open(&fixture);
	if (options & OPTION_CLASSES)
		drain_set_parts(fixture.drain, options & OPTION_LINES,
				options & OPTION_ONE_CLASS ? "Other,Class" : "");
	else
		drain_set_parts(fixture.drain, options & OPTION_LINES, NULL);
	fixture.heard.name = options & OPTION_NAMES ? "model.wing" : NULL;
	fixture.heard.is_unanswered = options & OPTION_UNANSWERED;
	for (size_t at = 1; size >= STEP_BYTES && at <= size - STEP_BYTES;) {
		size_t length = bytes[at + 1] | bytes[at + 2] << 8, left = size - at - STEP_BYTES;

		if (length > left)
			length = left;
		play(fixture.drain, bytes[at], bytes + at + STEP_BYTES, length);
		at += STEP_BYTES + length;
		if (options & OPTION_ENDS)
			count_ends(fixture.profile);
	}
	drain_name_objects(fixture.drain);
	drain_finish(fixture.drain, FIXTURE_START_NS + 1000);
	check_held(fixture.profile);
	drain_all(fixture.drain);
	check_profile(fixture.profile);
	drain_fixture_close(&fixture);
	return 0;
}

/* ---- Seeds ---- */

struct seed {
	uint8_t *bytes;
	size_t size;
};

static void add_step(struct seed *seed, unsigned int kind, const void *bytes, size_t size)
{
	uint8_t *step;

	seed->bytes = xrealloc(seed->bytes, seed->size + STEP_BYTES + size, 1);
	step = seed->bytes + seed->size;
	step[0] = (uint8_t)kind;
	step[1] = (uint8_t)size;
	step[2] = (uint8_t)(size >> 8);
	if (size)
		memcpy(step + STEP_BYTES, bytes, size);
	seed->size += STEP_BYTES + size;
}

static void add_record(struct seed *seed, uint32_t type)
{
	uint64_t record[(FIXTURE_MAX_BYTES + 7) / 8];

	add_step(seed, STEP_RECORD, record, drain_fixture_record(type, record));
}

static void add_node(struct seed *seed, uint32_t image_id, uint32_t id, uint32_t parent)
{
	struct {
		uint32_t id;
		struct wire_node node;
	} __attribute__((packed)) entry = {
		.id = id - 1, /* as put_node reads it */
		.node = { .parent = parent,
			  .site = id == 78 ? FIXTURE_PART : FIXTURE_SITE,
			  .image_id = image_id,
			  .calls = 3,
			  .grown = { 1, 2, 3, 4 },
			  .released = { 0, 1 } },
	};

	add_step(seed, STEP_NODE, &entry, sizeof(entry));
}

static void add_tables(struct seed *seed)
{
	const struct wire_image image = {
		.image_id = FIXTURE_IMAGE,
		.peak = 50,
		.lost_grown = { 1 },
		.loss_events = { 1, 2 },
		.closing = { 4, 5 },
		.books = { 40, 5 },
		.peak_books = { 40, 9 },
		.peak_moment = 1,
		.end_ns = 7000,
	};
	const struct wire_thread thread = {
		.image_id = FIXTURE_IMAGE,
		.tid = FIXTURE_TGID,
		.growth = 9,
		.comm = "worker",
	};

	const struct {
		uint32_t id;
		struct wire_held held;
	} entry = {
		.id = 78 - 1, /* as put_held reads it */
		.held = { .live = { 4, 5 }, .at_peak = { 6, 7 }, .peak_moment = 1, .mapped = -8 },
	};

	add_node(seed, FIXTURE_IMAGE, 76, 0);
	add_node(seed, FIXTURE_IMAGE, 78, 76);
	add_node(seed, FIXTURE_IMAGE, 79, 78);
	add_step(seed, STEP_HELD, &entry, sizeof(entry));
	add_step(seed, STEP_THREAD, &thread, sizeof(thread));
	add_step(seed, STEP_DRAIN, NULL, 0);
	add_step(seed, STEP_IMAGE, &image, sizeof(image));
}

/* Keys that lead in a circle, and into another image: what only a hash that was met by intent does.
 */
static void add_circle(struct seed *seed)
{
	uint64_t begin[(FIXTURE_MAX_BYTES + 7) / 8], end[(FIXTURE_MAX_BYTES + 7) / 8];
	struct wire_image_begin *other = (struct wire_image_begin *)begin;
	size_t size = drain_fixture_record(RECORD_IMAGE_BEGIN, begin);

	other->slot++;
	other->head.image_id++;
	other->tgid--;
	add_step(seed, STEP_RECORD, begin, size);
	add_node(seed, FIXTURE_IMAGE, 76, 0);
	add_node(seed, FIXTURE_IMAGE + 1, 74, 76);
	add_step(seed, STEP_DRAIN, NULL, 0);
	add_node(seed, FIXTURE_IMAGE, 80, 82);
	add_node(seed, FIXTURE_IMAGE, 82, 80);
	size = drain_fixture_record(RECORD_THREAD_END, end);
	((struct wire_thread_end *)end)->thread.node.value = 80;
	add_step(seed, STEP_RECORD, end, size);
	add_step(seed, STEP_DRAIN, NULL, 0);
}

/* One with every type, then one around each type. */
uint8_t *fuzz_seed(unsigned int number, size_t *ret_size)
{
	static const uint32_t types[] = {
		RECORD_OBJECT,	 RECORD_SPLIT,	     RECORD_KNOCK,	RECORD_FOUND,
		RECORD_SAMPLE,	 RECORD_BALANCE,     RECORD_SITE,	RECORD_CALLS_OVER,
		RECORD_WATCH,	 RECORD_WAKES,	     RECORD_THREAD_END, RECORD_IMAGE_END,
		RECORD_MAIN_END, RECORD_PROCESS_END,
	};
	struct seed seed = { .bytes = xcalloc(1, 1), .size = 1 };

	if (number > ARRAY_SIZE(types) + 1) {
		free(seed.bytes);
		return NULL;
	}
	seed.bytes[0] = number == 2 ? OPTION_UNANSWERED : 0;
	seed.bytes[0] |= (uint8_t)(number % 2 ? OPTION_LINES | OPTION_CLASSES | OPTION_NAMES
					      : OPTION_CLASSES | OPTION_ONE_CLASS | OPTION_ENDS);
	add_record(&seed, RECORD_IMAGE_BEGIN);
	add_record(&seed, RECORD_SITE);
	if (number > ARRAY_SIZE(types)) {
		seed.bytes[0] = OPTION_ENDS;
		add_circle(&seed);
	}
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (!number || number == i + 1)
			add_record(&seed, types[i]);
		if (types[i] == RECORD_SPLIT && number != 2)
			add_tables(&seed);
	}
	*ret_size = seed.size;
	return seed.bytes;
}
