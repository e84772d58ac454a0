/* SPDX-License-Identifier: BSD-2-Clause */
/* What is the same in two profiles; see profile_match.h. */
#include "profile_match.h"

#include <string.h>

#include "memory.h"

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

/* ---- Processes ---- */

struct matcher {
	const struct profile *profile, *other;
	const uint32_t *strings;
	uint32_t *matches; /* by process of `other` */
	bool *is_taken;	   /* by process of `profile` */
};

/* What two processes have in common; 64 bits that are drawn anew in each run stand for it. */
struct identity {
	uint32_t command, pid, begin, has_python;
	uint64_t start_ns;
};

typedef struct identity (*identity_of)(const struct profile *profile, const struct process *process,
				       uint32_t command);

static bool has_python(const struct profile *profile, const struct process *process)
{
	return *profile_string(profile, process->python);
}

/* Of two dumps of one run. */
static struct identity identify_life(const struct profile *profile, const struct process *process,
				     uint32_t command)
{
	return (struct identity){ .command = command,
				  .pid = process->pid,
				  .begin = process->begin,
				  .start_ns = process->start_ns };
}

static struct identity identify_command(const struct profile *profile,
					const struct process *process, uint32_t command)
{
	return (struct identity){ .command = command,
				  .begin = process->begin,
				  .has_python = has_python(profile, process) };
}

/* The command without its program's folder and version: `/opt/a/bin/python3.9 x.py` and
 * `python3.13 x.py` are one. */
static uint32_t hash_of_program(const char *command)
{
	size_t length = strcspn(command, " ");
	const char *rest = command + length, *name = rest;

	while (name > command && name[-1] != '/')
		name--;
	length = (size_t)(rest - name);
	while (length && strchr("0123456789.", name[length - 1]))
		length--;
	return (uint32_t)hash_bytes(rest, strlen(rest), hash_bytes(name, length, 0));
}

static struct identity identify_program(const struct profile *profile,
					const struct process *process, uint32_t command)
{
	return (struct identity){ .command = hash_of_program(
					  profile_string(profile, process->command)),
				  .begin = process->begin,
				  .has_python = has_python(profile, process) };
}

static void take(struct matcher *matcher, uint32_t theirs, uint32_t ours)
{
	matcher->matches[theirs] = ours;
	matcher->is_taken[ours] = true;
}

/* Those of one identity in their order, as long as there are some on both sides. */
static void match_by(struct matcher *matcher, identity_of identify)
{
	const struct profile *profile = matcher->profile, *other = matcher->other;
	_cleanup_(freep) uint32_t *next = xcalloc(profile->nr_processes, sizeof(*next));
	struct hash_table firsts = { 0 }; /* hash of the identity to process */

	for (uint32_t i = (uint32_t)profile->nr_processes; i--;) {
		const struct process *process = &profile->processes[i];
		const struct identity identity = identify(profile, process, process->command);
		uint64_t key = hash_bytes(&identity, sizeof(identity), 0);

		if (matcher->is_taken[i])
			continue;
		if (!hash_table_get(&firsts, key, &next[i]))
			next[i] = NO_PROCESS;
		hash_table_put(&firsts, key, i);
	}
	for (uint32_t i = 0; i < other->nr_processes; i++) {
		const struct process *process = &other->processes[i];
		const struct identity identity = identify(other, process,
							  matcher->strings[process->command]);
		uint64_t key = hash_bytes(&identity, sizeof(identity), 0);
		uint32_t ours;

		if (matcher->matches[i] != NO_PROCESS || !hash_table_get(&firsts, key, &ours) ||
		    ours == NO_PROCESS)
			continue;
		take(matcher, i, ours);
		hash_table_put(&firsts, key, next[ours]);
	}
	hash_table_free(&firsts);
}

static uint32_t find_python(const struct profile *profile)
{
	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		if (has_python(profile, &profile->processes[i]))
			return i;
	}
	return NO_PROCESS;
}

static void match_first_pythons(struct matcher *matcher)
{
	uint32_t ours = find_python(matcher->profile), theirs = find_python(matcher->other);

	if (ours == NO_PROCESS || theirs == NO_PROCESS || matcher->is_taken[ours] ||
	    matcher->matches[theirs] != NO_PROCESS)
		return;
	take(matcher, theirs, ours);
}

uint32_t *profile_match_processes(const struct profile *profile, const struct profile *other,
				  const uint32_t *strings, enum merge_sign sign)
{
	_cleanup_(freep) bool *is_taken = xcalloc(profile->nr_processes, sizeof(*is_taken));
	struct matcher matcher = {
		.profile = profile,
		.other = other,
		.strings = strings,
		.matches = xcalloc(other->nr_processes, sizeof(*matcher.matches)),
		.is_taken = is_taken,
	};

	for (size_t i = 0; i < other->nr_processes; i++)
		matcher.matches[i] = NO_PROCESS;
	match_by(&matcher, identify_life);
	match_by(&matcher, identify_command);
	match_by(&matcher, identify_program);
	if (sign == MERGE_DIFFERENCE)
		match_first_pythons(&matcher);
	return matcher.matches;
}

/* ---- Lines ---- */

/* A function of one profile. */
struct place {
	uint32_t file, name; /* strings */
	bool is_other;
	int32_t line;
	int32_t match; /* of `other`: the line that stands for it */
};

struct places {
	struct place *places; /* sorted, none twice */
	size_t count;
};

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->file != b->file)
		return COMPARE(a->file, b->file);
	if (a->name != b->name)
		return COMPARE(a->name, b->name);
	if (a->is_other != b->is_other)
		return COMPARE(a->is_other, b->is_other);
	return COMPARE(a->line, b->line);
}

static void add_places(struct places *places, const struct profile *profile,
		       const uint32_t *strings, const uint32_t *files)
{
	for (size_t i = 0; i < profile->nr_sites; i++) {
		const struct site *site = &profile->sites[i];

		if (site->kind != SITE_PYTHON)
			continue;
		places->places[places->count++] = (struct place){
			.file = files ? files[site->file] : site->file,
			.name = strings ? strings[site->name] : site->name,
			.is_other = strings,
			.line = site->line,
			.match = site->line,
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

		if (place->file != head->file || place->name != head->name)
			break;
		if (place->is_other)
			same.nr_theirs++;
		else
			same.nr_ours++;
	}
	same.theirs = head + same.nr_ours;
	return same;
}

/* By string: has the file of that name changed? */
static bool *find_changed(const struct profile *profile, const struct places *places)
{
	bool *is_changed = xcalloc(profile->strings.count, sizeof(*is_changed));
	struct namesakes same;

	for (size_t i = 0; i < places->count; i += same.nr_ours + same.nr_theirs) {
		same = namesakes_at(places, i);
		if (same.nr_ours == 1 && same.nr_theirs == 1 &&
		    same.ours->line != same.theirs->line)
			is_changed[same.ours->file] = true;
	}
	return is_changed;
}

static void match_places(struct places *places, const bool *is_changed)
{
	struct namesakes same;

	for (size_t i = 0; i < places->count; i += same.nr_ours + same.nr_theirs) {
		same = namesakes_at(places, i);
		if (!is_changed[same.ours->file] || same.nr_ours != same.nr_theirs)
			continue;
		for (size_t k = 0; k < same.nr_ours; k++)
			same.theirs[k].match = same.ours[k].line;
	}
}

static int32_t find_match(const struct places *places, const struct site *site,
			  const uint32_t *strings, const uint32_t *files)
{
	const struct place wanted = { .file = files[site->file],
				      .name = strings[site->name],
				      .is_other = true,
				      .line = site->line },
			   *found = bsearch(&wanted, places->places, places->count, sizeof(wanted),
					    compare_places);

	return found->match;
}

int32_t *profile_match_lines(const struct profile *profile, const struct profile *other,
			     const uint32_t *strings, const uint32_t *files)
{
	int32_t *lines = xcalloc(other->nr_sites, sizeof(*lines));
	struct places places = find_places(profile, other, strings, files);
	_cleanup_(freep) bool *is_changed = find_changed(profile, &places);

	match_places(&places, is_changed);
	for (size_t i = 0; i < other->nr_sites; i++) {
		const struct site *site = &other->sites[i];

		lines[i] = site->kind == SITE_PYTHON ? find_match(&places, site, strings, files)
						     : site->line;
	}
	free(places.places);
	return lines;
}
