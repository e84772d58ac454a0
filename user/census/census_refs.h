/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an object refers to. Objects whose layout is known tell it by that; of all others each word
 * may be a reference, which who is told decides (census_classes_object). References that do not
 * keep alive are left out: weak ones, and lists of weak ones.
 */
#ifndef MEMPROBE_CENSUS_REFS_H
#define MEMPROBE_CENSUS_REFS_H

#include "census_names.h"
#include "census_size.h"

/* Instead of a name: this dict holds the attributes of the object. */
#define CENSUS_IS_NAMES UINT32_MAX

struct census_refs {
	struct census_classes *classes; /* borrowed, as are the names */
	struct census_names *names;
	void *context;
	/* `name` is what the object calls the value (an attribute), or CENSUS_NO_NAME. */
	void (*see)(void *context, uint64_t word, uint32_t name);
};

/* Tells of each reference. Values of a dict have names where `is_names`. */
void census_refs_visit(const struct census_refs *refs, const struct census_object_ref *object,
		       bool is_names);

/* Tells of the values of a dict and their names. */
void census_refs_visit_dict(const struct census_refs *refs, uint64_t dict, bool is_names);

/* Tells of `count` words, with the bits of `mask` cleared: the tags of references on a stack. */
void census_refs_visit_words(const struct census_refs *refs, uint64_t address, uint64_t count,
			     uint64_t mask);

/* The dict of an object's attributes, 0: none. Where it has only values, they are told of instead,
 * if refs has a function for it. */
uint64_t census_refs_attributes(const struct census_refs *refs,
				const struct census_object_ref *object);

#endif
