/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes whose objects were counted: see golden_profiles.h. */
#include "golden_profiles.h"

#include "memory.h"
#include "profile_builder.h"

#define SCRIPT "/home/u/server.py"

struct named_type {
	const char *module, *name;
	uint64_t objects, bytes, buffer_bytes, tracked;
};

struct named_holder {
	uint32_t parent;
	enum census_holder_kind kind;
	const char *name;
	uint64_t objects, bytes, shared_bytes;
};

/* The last name of each is what a hostile program may call things. */
static const struct named_type types[] = {
	{ "builtins", "str", 1200000, 72 * MB, 0, 0 },
	{ "builtins", "list", 300, MB / 10, 10 * MB, 300 },
	{ "numpy", "ndarray", 4, 512, 8 * MB, 0 },
	{ "evil\033[2J", "\xe2\x80\xaeType", 1, 64, 0, 1 },
};

static const struct named_holder holders[] = {
	{ CENSUS_NONE, CENSUS_MODULE, "flaskapp.CACHE", 1200300, 80 * MB, 2 * MB },
	{ 0, CENSUS_TYPE, "list", 1200299, 79 * MB, 0 },
	{ 1, CENSUS_TYPE, "str", 1200000, 72 * MB, 0 },
	{ 0, CENSUS_REST, "", 1, MB / 4, 0 },
	{ CENSUS_NONE, CENSUS_FRAME, "MainThread \xe2\x80\xba serve\n \xe2\x80\xba rows", 4, 8 * MB,
	  0 },
	{ CENSUS_NONE, CENSUS_C_CODE, "", 1, 200, 0 },
	{ CENSUS_NONE, CENSUS_GARBAGE, "", 12, MB / 2, 0 },
};

static void fill_types(struct census *census)
{
	census->nr_types = ARRAY_SIZE(types);
	census->types = xcalloc(ARRAY_SIZE(types), sizeof(*census->types));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct named_type *type = &types[i];

		census->types[i] = (struct census_type){
			.module = string_pool_add(&census->strings, type->module),
			.name = string_pool_add(&census->strings, type->name),
			.objects = type->objects,
			.bytes = type->bytes,
			.buffer_bytes = type->buffer_bytes,
			.tracked = type->tracked,
		};
		census->objects += type->objects;
		census->bytes += type->bytes;
		census->buffer_bytes += type->buffer_bytes;
		census->tracked += type->tracked;
	}
}

static void fill_holders(struct census *census)
{
	census->nr_holders = ARRAY_SIZE(holders);
	census->holders = xcalloc(ARRAY_SIZE(holders), sizeof(*census->holders));
	for (size_t i = 0; i < ARRAY_SIZE(holders); i++) {
		const struct named_holder *row = &holders[i];

		census->holders[i] = (struct census_holder){
			.parent = row->parent,
			.kind = row->kind,
			.name = string_pool_add(&census->strings, row->name),
			.objects = row->objects,
			.bytes = row->bytes,
			.shared_bytes = row->shared_bytes,
		};
	}
}

static void fill_largest(struct census *census)
{
	census->nr_largest = 2;
	census->largest = xcalloc(2, sizeof(*census->largest));
	census->largest[0] = (struct census_object){
		.type = 2,
		.bytes = 8 * MB,
		.address = 0x7f0000001000,
		.look = string_pool_add(&census->strings, "float64 (1024, 1024)"),
		.holder = 4,
	};
	census->largest[1] = (struct census_object){
		.type = 3,
		.bytes = 64,
		.address = 0x7f0000002000,
		.look = string_pool_add(&census->strings, "\033]0;owned\007"),
		.holder = CENSUS_NONE,
	};
}

static uint32_t add(struct profile_builder *builder, uint32_t pid)
{
	uint32_t process = builder_process(builder, pid, "python3 server.py", "3.11.2");

	builder_python(builder, NO_NODE, SCRIPT, "<module>", 400);
	return process;
}

struct profile *golden_census(void)
{
	struct profile_builder builder = builder_new();
	struct census census = { .refused = CENSUS_NONE,
				 .unreadable_objects = 12004,
				 .cut = true,
				 .frozen_ns = 12300000 };
	struct census refused = { 0 };

	string_pool_init(&census.strings);
	fill_types(&census);
	fill_holders(&census);
	fill_largest(&census);
	profile_set_census(builder.profile, add(&builder, 300), &census, 2500000000);
	string_pool_init(&refused.strings);
	refused.refused = string_pool_add(&refused.strings, "its types were not found");
	profile_set_census(builder.profile, add(&builder, 301), &refused, 2500000000);
	builder_finish(&builder);
	return builder.profile;
}
