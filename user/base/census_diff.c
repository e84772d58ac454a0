/* SPDX-License-Identifier: BSD-2-Clause */
/* Matching two censuses; see census_diff.h. */
#include "census_diff.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define SEPARATOR " > "
#define MAX_LEVELS 64

/* ---- Names ---- */

static const char *kind_name(enum census_holder_kind kind)
{
	static const char *const names[NR_CENSUS_HOLDER_KINDS] = {
		[CENSUS_INTERNED] = "interpreter",
		[CENSUS_GARBAGE] = "garbage",
		[CENSUS_C_CODE] = "C code",
		[CENSUS_REST] = "smaller ones",
	};

	return names[kind] ? names[kind] : "";
}

const char *census_holder_name(const struct census *census, uint32_t holder)
{
	const struct census_holder *row = &census->holders[holder];
	const char *name = string_pool_get(&census->strings, row->name);

	return *name ? name : kind_name(row->kind);
}

char *census_holder_path(const struct census *census, uint32_t holder)
{
	char *path = xstrdup(census_holder_name(census, holder));

	for (int level = 0; level < MAX_LEVELS; level++) {
		char *longer;

		holder = census->holders[holder].parent;
		if (holder == CENSUS_NONE)
			break;
		longer = xasprintf("%s" SEPARATOR "%s", census_holder_name(census, holder), path);
		free(path);
		path = longer;
	}
	return path;
}

/* ---- Matching ---- */

struct matching {
	struct census_diff *diff;
	struct hash_table ids; /* of names to changes */
	struct census_change *changes;
	size_t count, capacity;
};

static uint64_t key_of(const struct matching *matching, const struct census_change *change)
{
	const uint32_t key[3] = { string_pool_add(&matching->diff->names, change->module),
				  string_pool_add(&matching->diff->names, change->name),
				  change->kind };

	return hash_bytes(key, sizeof(key), 0);
}

static bool is_there(const struct matching *matching, const struct census_change *change)
{
	uint32_t id;

	return hash_table_get(&matching->ids, key_of(matching, change), &id);
}

static struct census_change *find(struct matching *matching, const struct census_change *change)
{
	struct string_pool *names = &matching->diff->names;
	uint64_t key = key_of(matching, change);
	uint32_t id;

	if (hash_table_get(&matching->ids, key, &id))
		return &matching->changes[id];
	id = (uint32_t)matching->count++;
	matching->changes = array_reserve(matching->changes, &matching->capacity, matching->count,
					  sizeof(*matching->changes));
	matching->changes[id] = (struct census_change){
		.module = string_pool_get(names, string_pool_add(names, change->module)),
		.name = string_pool_get(names, string_pool_add(names, change->name)),
		.kind = change->kind,
	};
	hash_table_put(&matching->ids, key, id);
	return &matching->changes[id];
}

/* Sums of one census are below 2^60, see CENSUS_MAX_AMOUNT. */
static void add(struct matching *matching, const struct census_change *change, int sign)
{
	struct census_change *found = find(matching, change);

	found->objects += sign * change->objects;
	found->bytes += sign * change->bytes;
	if (sign > 0)
		found->bytes_after += (uint64_t)change->bytes;
}

static void add_types(struct matching *matching, const struct census *census, int sign)
{
	for (uint32_t i = 0; i < census->nr_types; i++) {
		const struct census_type *type = &census->types[i];
		const struct census_change change = {
			.module = string_pool_get(&census->strings, type->module),
			.name = string_pool_get(&census->strings, type->name),
			.kind = CENSUS_TYPE,
			.objects = (int64_t)type->objects,
			.bytes = (int64_t)(type->bytes + type->buffer_bytes),
		};

		add(matching, &change, sign);
	}
}

static enum census_holder_kind root_kind(const struct census *census, uint32_t holder)
{
	while (census->holders[holder].parent != CENSUS_NONE)
		holder = census->holders[holder].parent;
	return census->holders[holder].kind;
}

static struct census_change change_of(const struct census *census, uint32_t holder,
				      const char *path)
{
	return (struct census_change){
		.module = "",
		.name = path,
		.kind = root_kind(census, holder),
		.objects = (int64_t)census->holders[holder].objects,
		.bytes = (int64_t)census->holders[holder].bytes,
	};
}

static void add_after(struct matching *matching, const struct census *census)
{
	for (uint32_t i = 0; i < census->nr_holders; i++) {
		_cleanup_(freep) char *path = census_holder_path(census, i);
		const struct census_change change = change_of(census, i, path);

		add(matching, &change, 1);
	}
}

/* What is too small for a row when all else has grown is in the row of what is too small beside it:
 * it is counted there before, too, or that row would seem to grow. */
static void subtract_as_rest(struct matching *matching, const struct census *census,
			     uint32_t holder)
{
	uint32_t parent = census->holders[holder].parent;
	_cleanup_(freep) char *above = parent == CENSUS_NONE ? NULL
							     : census_holder_path(census, parent);
	_cleanup_(freep) char *path = xasprintf("%s%s%s", above ? above : "",
						above ? SEPARATOR : "", kind_name(CENSUS_REST));
	struct census_change change = change_of(census, holder, path);

	if (!above)
		change.kind = CENSUS_REST;
	add(matching, &change, -1);
}

/* After the later one. What is below a row that is counted with the rest is in it. */
static void subtract_before(struct matching *matching, const struct census *census)
{
	_cleanup_(freep) bool *is_gone = xcalloc(census->nr_holders + 1UL, sizeof(*is_gone));

	for (uint32_t i = 0; i < census->nr_holders; i++) {
		_cleanup_(freep) char *path = census_holder_path(census, i);
		const struct census_change change = change_of(census, i, path);
		uint32_t parent = census->holders[i].parent;
		bool is_below = parent != CENSUS_NONE && is_gone[parent];

		is_gone[i] = is_below || !is_there(matching, &change);
		if (!is_gone[i])
			add(matching, &change, -1);
		else if (!is_below)
			subtract_as_rest(matching, census, i);
	}
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_growth(const void *a, const void *b)
{
	const struct census_change *first = a, *second = b;
	int order = COMPARE(second->bytes, first->bytes);

	return order ? order : strcmp(first->name, second->name);
}

static struct census_change *finish(struct matching *matching, size_t *ret_count)
{
	size_t count = 0;

	for (size_t i = 0; i < matching->count; i++)
		if (matching->changes[i].bytes || matching->changes[i].objects)
			matching->changes[count++] = matching->changes[i];
	if (count)
		qsort(matching->changes, count, sizeof(*matching->changes), compare_growth);
	hash_table_free(&matching->ids);
	*ret_count = count;
	return matching->changes;
}

static uint64_t all_bytes(const struct census *census)
{
	return census->bytes + census->buffer_bytes;
}

void census_diff_make(const struct census *before, const struct census *after,
		      struct census_diff *ret)
{
	struct matching types = { .diff = ret }, holders = { .diff = ret };

	*ret = (struct census_diff){
		.objects = (int64_t)(after->objects - before->objects),
		.bytes = (int64_t)(all_bytes(after) - all_bytes(before)),
		.elapsed_ns = after->taken_ns > before->taken_ns
				      ? after->taken_ns - before->taken_ns
				      : 0,
		.is_bound = before->cut || after->cut,
	};
	string_pool_init(&ret->names);
	add_types(&types, before, -1);
	add_types(&types, after, 1);
	add_after(&holders, after);
	subtract_before(&holders, before);
	ret->types = finish(&types, &ret->nr_types);
	ret->holders = finish(&holders, &ret->nr_holders);
}

void census_diff_free(struct census_diff *diff)
{
	free(diff->types);
	free(diff->holders);
	string_pool_free(&diff->names);
	*diff = (struct census_diff){ 0 };
}
