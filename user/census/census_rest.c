/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects that no root reaches; see census_rest.h. */
#include "census_rest.h"

#include "memory.h"

struct rest {
	struct census_walk *walk;
	int32_t *left; /* of each entry, references that come from elsewhere */
};

static bool is_left(const struct census_entry *entry)
{
	return entry->node == CENSUS_NO_NODE;
}

static bool open_entry(struct census_walk *walk, const struct census_entry *entry,
		       struct census_class *ret_class, struct census_object_ref *ret)
{
	*ret_class = walk->classes->classes[entry->class];
	*ret = (struct census_object_ref){ .address = entry->address, .class = ret_class };
	return census_reader_head(walk->classes->reader, entry->address, &ret->head) &&
	       ret->head.type == ret_class->address;
}

static void see(void *context, uint64_t word, uint32_t name)
{
	struct rest *rest = context;
	uint32_t entry = census_table_find(rest->walk->table, word);

	if (entry != CENSUS_NO_ENTRY)
		rest->left[entry]--;
}

static void subtract(struct rest *rest)
{
	struct census_walk *walk = rest->walk;
	const struct census_refs refs = {
		.classes = walk->classes,
		.names = walk->names,
		.context = rest,
		.see = see,
	};

	for (size_t i = 0; i < walk->table->count; i++) {
		struct census_object_ref object;
		struct census_class class;

		if (i % 256 == 0 && heap_memory_is_late(walk->classes->reader->memory.heap))
			return;
		if (is_left(&walk->table->entries[i]) &&
		    open_entry(walk, &walk->table->entries[i], &class, &object))
			census_refs_visit(&refs, &object, false);
	}
}

static void read_counts(struct rest *rest)
{
	struct census_walk *walk = rest->walk;

	for (size_t i = 0; i < walk->table->count; i++) {
		const struct census_entry *entry = &walk->table->entries[i];

		if (is_left(entry))
			rest->left[i] = (int32_t)census_reader_word(walk->classes->reader,
								    entry->address);
	}
}

/* Those that are held from outside, or all that are left. */
static void put(struct rest *rest, enum census_holder_kind kind, size_t count)
{
	struct census_walk *walk = rest->walk;
	uint32_t root = census_tree_root(&walk->tree, kind, CENSUS_NO_NAME, CENSUS_NO_NODE);

	for (size_t i = 0; i < count; i++) {
		const struct census_entry *entry = &walk->table->entries[i];

		if (!is_left(entry) || (kind == CENSUS_C_CODE && rest->left[i] <= 0))
			continue;
		census_walk_put(walk, entry->address,
				census_tree_child(&walk->tree, root, CENSUS_TYPE,
						  walk->classes->classes[entry->class].name));
	}
	census_walk_run(walk);
}

void census_rest_count(struct census_walk *walk)
{
	struct rest rest = { .walk = walk };
	size_t count = walk->table->count;

	if (walk->is_cut)
		return;
	rest.left = xcalloc(count + 1, sizeof(*rest.left));
	read_counts(&rest);
	subtract(&rest);
	put(&rest, CENSUS_C_CODE, count);
	put(&rest, CENSUS_GARBAGE, count);
	free(rest.left);
}
