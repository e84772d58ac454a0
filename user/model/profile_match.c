/* SPDX-License-Identifier: BSD-2-Clause */
/* Which functions of two profiles are the same, by their lines, or addresses; see profile_match.h.
 */
#include "profile_match.h"

#include <stdlib.h>

#include "memory.h"

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

/* A function of one profile. */
struct place {
	uint32_t kind;
	uint32_t file, name; /* strings */
	bool is_other;
	uint64_t at;	/* line; of C its offset */
	uint64_t match; /* of `other`: the one that stands for it */
};

struct places {
	struct place *places; /* sorted, none twice */
	size_t count;
};

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->kind != b->kind)
		return COMPARE(a->kind, b->kind);
	if (a->file != b->file)
		return COMPARE(a->file, b->file);
	if (a->name != b->name)
		return COMPARE(a->name, b->name);
	if (a->is_other != b->is_other)
		return COMPARE(a->is_other, b->is_other);
	return COMPARE(a->at, b->at);
}

static bool is_function(const struct site *site)
{
	return site->kind == SITE_PYTHON || site->kind == SITE_C;
}

/* Lines are in their order, those below 0 too, which only a damaged dump has. */
static uint64_t place_at(const struct site *site)
{
	return site->kind == SITE_C ? site->offset : (uint64_t)((int64_t)site->line - INT32_MIN);
}

static void add_places(struct places *places, const struct profile *profile,
		       const uint32_t *strings, const uint32_t *files)
{
	for (size_t i = 0; i < profile->nr_sites; i++) {
		const struct site *site = &profile->sites[i];

		if (!is_function(site))
			continue;
		places->places[places->count++] = (struct place){
			.kind = site->kind,
			.file = files ? files[site->file] : site->file,
			.name = strings ? strings[site->name] : site->name,
			.is_other = strings,
			.at = place_at(site),
			.match = place_at(site),
		};
	}
}

static struct places find_places(const struct profile *profile, const struct profile *other,
				 const uint32_t *strings, const uint32_t *files)
{
	struct places places = { .places = xcalloc(profile->nr_sites + other->nr_sites,
						   sizeof(*places.places)) };
	size_t kept = 0;

	add_places(&places, profile, NULL, NULL);
	add_places(&places, other, strings, files);
	if (places.count)
		qsort(places.places, places.count, sizeof(*places.places), compare_places);
	for (size_t i = 0; i < places.count; i++) {
		if (!kept || compare_places(&places.places[kept - 1], &places.places[i]) != 0)
			places.places[kept++] = places.places[i];
	}
	places.count = kept;
	return places;
}

/* Functions of one name in one file: first those of `profile`, then those of `other`. */
struct namesakes {
	struct place *ours, *theirs;
	size_t nr_ours, nr_theirs;
};

static struct namesakes namesakes_at(const struct places *places, size_t first)
{
	struct place *head = &places->places[first];
	struct namesakes same = { .ours = head };

	for (size_t i = first; i < places->count; i++) {
		const struct place *place = &places->places[i];

		if (place->kind != head->kind || place->file != head->file ||
		    place->name != head->name)
			break;
		if (place->is_other)
			same.nr_theirs++;
		else
			same.nr_ours++;
	}
	same.theirs = head + same.nr_ours;
	return same;
}

/* Functions of C may have none, which is nothing that they have in common. */
static bool has_name(const struct profile *profile, const struct place *place)
{
	return place->kind != SITE_C || *profile_string(profile, place->name);
}

/* By string: has the file of that name changed? */
static bool *find_changed(const struct profile *profile, const struct places *places)
{
	bool *is_changed = xcalloc(profile->strings.count, sizeof(*is_changed));
	struct namesakes same;

	for (size_t i = 0; i < places->count; i += same.nr_ours + same.nr_theirs) {
		same = namesakes_at(places, i);
		if (same.nr_ours == 1 && same.nr_theirs == 1 && has_name(profile, same.ours) &&
		    same.ours->at != same.theirs->at)
			is_changed[same.ours->file] = true;
	}
	return is_changed;
}

static void match_places(struct places *places, const struct profile *profile,
			 const bool *is_changed)
{
	struct namesakes same;

	for (size_t i = 0; i < places->count; i += same.nr_ours + same.nr_theirs) {
		same = namesakes_at(places, i);
		if (!is_changed[same.ours->file] || same.nr_ours != same.nr_theirs ||
		    !has_name(profile, same.ours))
			continue;
		for (size_t k = 0; k < same.nr_ours; k++)
			same.theirs[k].match = same.ours[k].at;
	}
}

static uint64_t find_match(const struct places *places, const struct site *site,
			   const uint32_t *strings, const uint32_t *files)
{
	const struct place wanted = { .kind = site->kind,
				      .file = files[site->file],
				      .name = strings[site->name],
				      .is_other = true,
				      .at = place_at(site) },
			   *found = bsearch(&wanted, places->places, places->count, sizeof(wanted),
					    compare_places);

	return found->match;
}

/* The line of `profile`'s, or the offset. */
static void match_site(const struct site *theirs, uint64_t match, struct site *ret)
{
	if (theirs->kind == SITE_C) {
		ret->offset = match;
		return;
	}
	ret->line = (int32_t)((int64_t)match + INT32_MIN);
	if (theirs->at)
		ret->at = theirs->at + ret->line - theirs->line;
}

void profile_match_functions(const struct profile *profile, const struct profile *other,
			     const uint32_t *strings, struct site *sites)
{
	_cleanup_(freep) uint32_t *files = profile_match_files(profile, other, strings);
	struct places places = find_places(profile, other, strings, files);
	_cleanup_(freep) bool *is_changed = find_changed(profile, &places);

	match_places(&places, profile, is_changed);
	for (size_t i = 0; i < other->nr_sites; i++) {
		const struct site *theirs = &other->sites[i];

		if (!is_function(theirs))
			continue;
		sites[i].file = files[theirs->file];
		match_site(theirs, find_match(&places, theirs, strings, files), &sites[i]);
	}
	free(places.places);
}
