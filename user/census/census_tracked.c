/* SPDX-License-Identifier: BSD-2-Clause */
/* The collector's lists; see census_tracked.h. */
#include "census_tracked.h"

#define NR_GENERATIONS 3
#define GC_PREV 8
#define LINK_MASK (~(uint64_t)3) /* the collector keeps marks in the lower bits */
#define TRIES 3

enum step { STEP_ON, STEP_END, STEP_BROKEN };

struct list {
	struct census_tracked *tracked;
	uint64_t head;
	uint64_t before; /* the last one seen */
	bool is_backward;
};

static uint64_t link_of(struct census_reader *reader, uint64_t node, bool is_backward)
{
	return census_reader_word(reader, node + (is_backward ? GC_PREV : 0)) & LINK_MASK;
}

/* An object that the table has not got. While the collector runs it keeps counts of references in
 * the links backward, which therefore say nothing against it. */
static bool add(struct list *list, uint64_t node)
{
	struct census_tracked *tracked = list->tracked;
	uint64_t object = node + tracked->classes->reader->layout.gc_head;
	struct census_head head;
	uint32_t class, entry;

	if (census_table_find(tracked->table, object) != CENSUS_NO_ENTRY ||
	    !census_classes_object(tracked->classes, object, &head, &class))
		return false;
	entry = census_table_add(tracked->table, object, class);
	tracked->table->entries[entry].is_tracked = 1;
	return true;
}

static enum step take_step(struct list *list)
{
	struct census_reader *reader = list->tracked->classes->reader;

	for (int i = 0; i < TRIES; i++) {
		uint64_t node = link_of(reader, list->before, list->is_backward);

		if (node == list->head)
			return STEP_END;
		if (node && add(list, node)) {
			list->before = node;
			return STEP_ON;
		}
		/* It may have been unlinked, or made, since its memory was read. */
		census_memory_refresh(&reader->memory, list->before);
		census_memory_refresh(&reader->memory, node);
	}
	return STEP_BROKEN;
}

static bool is_over(struct census_tracked *tracked)
{
	if (census_table_bytes(tracked->table) > tracked->max_bytes ||
	    (tracked->table->count % 1024 == 0 &&
	     heap_memory_is_late(tracked->classes->reader->memory.heap)))
		tracked->is_cut = true;
	return tracked->is_cut;
}

/* STEP_ON when it was cut. */
static enum step walk(struct list *list)
{
	enum step step = STEP_ON;

	list->before = list->head;
	while (step == STEP_ON && !is_over(list->tracked))
		step = take_step(list);
	return step;
}

static void read_list(struct census_tracked *tracked, uint64_t head)
{
	struct list list = { .tracked = tracked, .head = head };

	if (walk(&list) != STEP_BROKEN)
		return;
	tracked->torn++;
	list.is_backward = true;
	walk(&list);
}

/* An empty list's head points to itself, 3.6 and 3.7 leave one that was never used zeroed. */
bool census_tracked_is_list(struct census_reader *reader, uint64_t head)
{
	uint64_t next = link_of(reader, head, false);

	return next && link_of(reader, next, true) == head;
}

bool census_tracked_read(struct census_tracked *tracked, uint64_t generations)
{
	struct census_reader *reader = tracked->classes->reader;
	const struct census_layout *layout = &reader->layout;
	uint64_t permanent = generations + layout->gc_permanent;
	unsigned int nr_lists = 0;

	for (unsigned int i = 0; i < NR_GENERATIONS; i++)
		nr_lists += census_tracked_is_list(
			reader, generations + (uint64_t)i * layout->gc_generation);
	if (!nr_lists)
		return false;
	/* The oldest first: it holds most, and changes least. */
	for (unsigned int i = NR_GENERATIONS; i-- > 0;)
		read_list(tracked, generations + (uint64_t)i * layout->gc_generation);
	if (layout->gc_permanent != CENSUS_NO_OFFSET && census_tracked_is_list(reader, permanent))
		read_list(tracked, permanent);
	return true;
}
