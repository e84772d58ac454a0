/* SPDX-License-Identifier: BSD-2-Clause */
/* From roots to objects; see census_walk.h. */
#include "census_walk.h"

#include <stdlib.h>

#include <memprobe/limits.h>

#include "memory.h"

#define LOWEST 65536 /* nothing is mapped below (vm.mmap_min_addr) */
#define HIGHEST (1ULL << ADDRESS_BITS)
#define MAX_LOST 1000000

void census_walk_clear(struct census_walk *walk)
{
	free(walk->queue);
	hash_table_free(&walk->lost);
	census_tree_clear(&walk->tree);
}

static bool may_refer(const struct census_class *class)
{
	switch (class->kind) {
	case KIND_LEAF:
	case KIND_STR:
	case KIND_INT:
	case KIND_BYTEARRAY:
	case KIND_ARRAY:
		return !class->is_exact;
	default:
		return true;
	}
}

static void enqueue(struct census_walk *walk, uint32_t entry)
{
	if (walk->end == walk->capacity && walk->first > walk->capacity / 2) {
		for (size_t i = walk->first; i < walk->end; i++)
			walk->queue[i - walk->first] = walk->queue[i];
		walk->end -= walk->first;
		walk->first = 0;
	}
	walk->queue = array_reserve(walk->queue, &walk->capacity, walk->end + 1,
				    sizeof(*walk->queue));
	walk->queue[walk->end++] = entry;
}

static bool has_room(struct census_walk *walk)
{
	if (census_table_bytes(walk->table) + 2 * walk->capacity * sizeof(*walk->queue) >
	    walk->max_bytes)
		walk->is_cut = true;
	return !walk->is_cut;
}

/* It, or its type, is swapped out, or in a file that may not be read: an object as likely as not.
 */
static void note_lost(struct census_walk *walk, uint64_t word)
{
	struct census_reader *reader = walk->classes->reader;
	struct census_head head;
	uint32_t unused;

	if (walk->count->is_guessing || !(census_memory_is_lost(&reader->memory, word) ||
					  (census_reader_head(reader, word, &head) &&
					   census_memory_is_lost(&reader->memory, head.type))))
		return;
	if (walk->lost.count >= MAX_LOST || hash_table_get(&walk->lost, word, &unused))
		return;
	hash_table_put(&walk->lost, word, 0);
	walk->count->unreadable_objects++;
}

/* The entry of the object at a word, made when it was not met before; CENSUS_NO_ENTRY: none. */
static uint32_t meet(struct census_walk *walk, uint64_t word)
{
	struct census_head head;
	uint32_t entry, class;

	if (word % 8 || word < LOWEST || word >= HIGHEST)
		return CENSUS_NO_ENTRY;
	entry = census_table_find(walk->table, word);
	if (entry != CENSUS_NO_ENTRY)
		return entry;
	if (!heap_memory_range(walk->classes->reader->memory.heap, word))
		return CENSUS_NO_ENTRY;
	if (!census_classes_object(walk->classes, word, &head, &class)) {
		note_lost(walk, word);
		return CENSUS_NO_ENTRY;
	}
	if (!has_room(walk))
		return CENSUS_NO_ENTRY;
	return census_table_add(walk->table, word, class);
}

/* Is the root the other's, or a group that it is in? A module's dict refers to what its names are
 * of. */
static bool is_within(const struct census_tree *tree, uint32_t root, uint32_t outer)
{
	while (root != outer && root != CENSUS_NO_NODE)
		root = tree->nodes[root].group;
	return root == outer;
}

/* Another root refers to it, too. */
static void share(struct census_walk *walk, struct census_entry *entry)
{
	struct census_node *nodes = walk->tree.nodes;

	if (walk->is_quiet || entry->is_shared ||
	    is_within(&walk->tree, nodes[entry->node].root, nodes[walk->node].root))
		return;
	entry->is_shared = 1;
	nodes[entry->node].shared_bytes += census_count_measure(walk->count, entry);
}

static void count_in(struct census_walk *walk, uint32_t index, uint32_t node, bool is_names)
{
	struct census_entry *entry = &walk->table->entries[index];
	uint64_t objects = walk->count->objects, bytes;

	entry->node = node;
	entry->is_names = is_names;
	bytes = census_count_add(walk->count, index);
	walk->tree.nodes[node].objects += walk->count->objects - objects;
	walk->tree.nodes[node].bytes += bytes;
	if (may_refer(&walk->classes->classes[entry->class]))
		enqueue(walk, index);
}

static void see(void *context, uint64_t word, uint32_t name)
{
	struct census_walk *walk = context;
	uint32_t index = meet(walk, word), node = walk->node;
	struct census_entry *entry;

	if (index == CENSUS_NO_ENTRY)
		return;
	entry = &walk->table->entries[index];
	if (entry->node != CENSUS_NO_NODE) {
		share(walk, entry);
		return;
	}
	if (name == CENSUS_NO_NAME)
		node = census_tree_child(&walk->tree, node, CENSUS_TYPE,
					 walk->classes->classes[entry->class].name);
	else if (name != CENSUS_IS_NAMES)
		node = census_tree_child(&walk->tree, node, CENSUS_ATTRIBUTE, name);
	count_in(walk, index, node, name == CENSUS_IS_NAMES);
}

struct census_refs census_walk_refs(struct census_walk *walk)
{
	return (struct census_refs){
		.classes = walk->classes,
		.names = walk->names,
		.context = walk,
		.see = see,
	};
}

static bool put(struct census_walk *walk, uint64_t word, uint32_t node, bool is_names)
{
	uint32_t index = meet(walk, word);

	if (index == CENSUS_NO_ENTRY)
		return false;
	walk->node = node;
	if (walk->table->entries[index].node == CENSUS_NO_NODE)
		count_in(walk, index, node, is_names);
	else
		share(walk, &walk->table->entries[index]);
	return true;
}

bool census_walk_put(struct census_walk *walk, uint64_t word, uint32_t node)
{
	return put(walk, word, node, false);
}

bool census_walk_put_names(struct census_walk *walk, uint64_t word, uint32_t node)
{
	return put(walk, word, node, true);
}

/*
 * To 3.13 the interpreter keeps freed lists and dicts for the next ones in arrays, which still
 * point to those that were taken out again (free_list of Objects/listobject.c): such a word holds
 * nothing.
 */
static bool may_be_left_over(const struct census_walk *walk, uint64_t word)
{
	uint32_t index = census_table_find(walk->table, word);
	const struct census_class *class;

	if (index == CENSUS_NO_ENTRY || !walk->table->entries[index].is_tracked ||
	    walk->classes->reader->python.wire.version >= 0x30e)
		return false;
	class = &walk->classes->classes[walk->table->entries[index].class];
	return class->is_exact && (class->kind == KIND_LIST || class->kind == KIND_DICT);
}

bool census_walk_put_found(struct census_walk *walk, uint64_t word, uint32_t node)
{
	return !may_be_left_over(walk, word) && census_walk_put(walk, word, node);
}

static bool is_late(struct census_walk *walk)
{
	if (walk->first % 256 == 0 && heap_memory_is_late(walk->classes->reader->memory.heap))
		walk->is_cut = true;
	return walk->is_cut;
}

void census_walk_run(struct census_walk *walk)
{
	struct census_refs refs = census_walk_refs(walk);

	while (walk->first < walk->end && !is_late(walk)) {
		const struct census_entry *entry =
			&walk->table->entries[walk->queue[walk->first++]];
		/* Classes move while others are found. */
		struct census_class class = walk->classes->classes[entry->class];
		struct census_object_ref object = { .address = entry->address, .class = &class };

		walk->node = entry->node;
		if (census_reader_head(walk->classes->reader, object.address, &object.head) &&
		    object.head.type == class.address)
			census_refs_visit(&refs, &object, entry->is_names);
	}
}
