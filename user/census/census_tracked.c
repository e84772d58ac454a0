/* SPDX-License-Identifier: BSD-2-Clause */
/* The collector's lists; see census_tracked.h. */
#include "census_tracked.h"

#include "memory.h"

#define NR_GENERATIONS 3
#define GC_PREV 8
#define LINK_MASK (~(uint64_t)3) /* the collector keeps marks in the lower bits */
#define TRIES 3

#define TRAIL 4096	 /* nodes that are remembered, a power of two */
#define MAX_STREAK 13	 /* steps back without a new object: as far as they are remembered */
#define MAX_BREAKS 20000 /* of one list */

enum step { STEP_ON, STEP_END, STEP_BROKEN };

struct list {
	struct census_tracked *tracked;
	uint64_t head;
	uint64_t before; /* the last one seen */
	bool is_backward;
	uint64_t trail[TRAIL];
	size_t nr_seen;
	unsigned int nr_breaks, streak;
	unsigned int known_left; /* so many that the table has may be passed */
};

static uint64_t link_of(struct census_reader *reader, uint64_t node, bool is_backward)
{
	return census_reader_word(reader, node + (is_backward ? GC_PREV : 0)) & LINK_MASK;
}

/* Is there an object, and has it not been met too often? While the collector runs it keeps counts
 * of references in the links backward, which therefore say nothing against it. */
static bool pass(struct list *list, uint64_t node)
{
	struct census_tracked *tracked = list->tracked;
	uint64_t object = node + tracked->classes->reader->layout.gc_head;
	struct census_head head;
	uint32_t class, entry;

	if (!census_classes_object(tracked->classes, object, &head, &class))
		return false;
	if (census_table_find(tracked->table, object) != CENSUS_NO_ENTRY) {
		if (!list->known_left)
			return false;
		list->known_left--;
		return true;
	}
	entry = census_table_add(tracked->table, object, class);
	tracked->table->entries[entry].is_tracked = 1;
	list->trail[list->nr_seen++ % TRAIL] = node;
	list->streak = 0;
	return true;
}

static enum step take_step(struct list *list)
{
	struct census_reader *reader = list->tracked->classes->reader;

	for (int i = 0; i < TRIES; i++) {
		uint64_t node = link_of(reader, list->before, list->is_backward);

		if (node == list->head)
			return STEP_END;
		if (node && pass(list, node)) {
			list->before = node;
			return STEP_ON;
		}
		/* It may have been unlinked, or made, since its memory was read. */
		census_memory_refresh(&reader->memory, list->before);
		census_memory_refresh(&reader->memory, node);
	}
	return STEP_BROKEN;
}

/* The last object that was seen has gone from the list itself: goes on from one before it, twice as
 * far back each time. */
static bool step_back(struct list *list)
{
	size_t distance = 1UL << list->streak++;

	if (list->streak >= MAX_STREAK || list->nr_breaks++ >= MAX_BREAKS)
		return false;
	list->before = distance > list->nr_seen ? list->head
						: list->trail[(list->nr_seen - distance) % TRAIL];
	list->known_left = 2 * TRAIL;
	census_memory_refresh(&list->tracked->classes->reader->memory, list->before);
	return true;
}

static bool is_over(struct census_tracked *tracked)
{
	if (census_table_bytes(tracked->table) > tracked->max_bytes ||
	    (tracked->nr_steps++ % 1024 == 0 &&
	     heap_memory_is_late(tracked->classes->reader->memory.heap)))
		tracked->is_cut = true;
	return tracked->is_cut;
}

/* STEP_ON when it was cut. */
static enum step walk(struct list *list)
{
	enum step step = STEP_ON;

	list->before = list->head;
	list->nr_seen = list->streak = list->known_left = 0;
	while (step == STEP_ON && !is_over(list->tracked)) {
		step = take_step(list);
		if (step == STEP_BROKEN && step_back(list))
			step = STEP_ON;
	}
	return step;
}

static void read_list(struct census_tracked *tracked, uint64_t head)
{
	struct list *list = xcalloc(1, sizeof(*list));

	list->tracked = tracked;
	list->head = head;
	if (walk(list) == STEP_BROKEN) {
		tracked->torn++;
		list->is_backward = true;
		walk(list);
	}
	free(list);
}

/* An empty list's head points to itself, 3.6 and 3.7 leave one that was never used zeroed. */
static bool is_list(struct census_reader *reader, uint64_t head)
{
	uint64_t next = link_of(reader, head, false);

	return next && link_of(reader, next, true) == head;
}

unsigned int census_tracked_count_lists(struct census_reader *reader, uint64_t generations)
{
	unsigned int count = 0;

	for (uint64_t i = 0; i < NR_GENERATIONS; i++)
		count += is_list(reader, generations + i * reader->layout.gc_generation);
	return count;
}

bool census_tracked_read(struct census_tracked *tracked, uint64_t generations)
{
	struct census_reader *reader = tracked->classes->reader;
	const struct census_layout *layout = &reader->layout;
	uint64_t permanent = generations + layout->gc_permanent;

	if (!census_tracked_count_lists(reader, generations))
		return false;
	/* The oldest first: it holds most, and changes least. */
	for (unsigned int i = NR_GENERATIONS; i-- > 0;)
		read_list(tracked, generations + (uint64_t)i * layout->gc_generation);
	if (layout->gc_permanent != CENSUS_NO_OFFSET && is_list(reader, permanent))
		read_list(tracked, permanent);
	return true;
}
