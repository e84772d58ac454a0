/* SPDX-License-Identifier: BSD-2-Clause */
/* Which files of two profiles are one module; see profile_match.h. */
#include <string.h>

#include "code_path.h"
#include "memory.h"
#include "profile_match.h"

/* More than one file of a profile has the key: nobody can say which is meant. */
#define AMBIGUOUS UINT32_MAX
#define NO_FILE UINT32_MAX

/* What is the same of a file in two runs, NULL where nothing is known of it; the caller frees it.
 */
typedef char *(*key_function)(const char *path);

/* The module of an installed file: one that is frozen in one version is a file in another. */
static char *module_key(const char *path)
{
	enum code_origin origin = code_path_origin(path);

	return origin == CODE_STANDARD || origin == CODE_INSTALLED ? code_path_module(path, "")
								   : NULL;
}

/* Of a program's own files: two versions of it lie in two folders. */
static char *name_key(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] && !code_path_installation(path) ? xstrdup(slash + 1) : NULL;
}

struct file_matcher {
	const struct profile *profile, *other;
	const uint32_t *strings;
	uint32_t *files; /* by string of `other`: that of `profile` */
	bool *is_ours;	 /* by string of `profile`: a site has that file, and no match yet */
	bool *is_theirs; /* by string of `other`: the same */
};

/* Of a file that is open to be matched; false: it has no key. */
static bool hash_of_file(const struct string_pool *pool, const bool *is_open, uint32_t file,
			 key_function key_of, uint64_t *ret)
{
	_cleanup_(freep) char *key = is_open[file] ? key_of(string_pool_get(pool, file)) : NULL;

	if (key)
		*ret = hash_bytes(key, strlen(key), 0);
	return key;
}

/* Files without a match by their keys. */
static void gather(const struct string_pool *pool, const bool *is_open, key_function key_of,
		   struct hash_table *ret)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		uint32_t unused;
		uint64_t hash;

		if (hash_of_file(pool, is_open, i, key_of, &hash))
			hash_table_put(ret, hash,
				       hash_table_get(ret, hash, &unused) ? AMBIGUOUS : i);
	}
}

static void match_file(struct file_matcher *matcher, uint32_t theirs, uint32_t ours)
{
	matcher->files[theirs] = ours;
	matcher->is_theirs[theirs] = false;
	matcher->is_ours[ours] = false;
}

static void match_by(struct file_matcher *matcher, key_function key_of)
{
	const struct string_pool *theirs = &matcher->other->strings;
	struct hash_table our_keys = { 0 }, their_keys = { 0 };

	gather(&matcher->profile->strings, matcher->is_ours, key_of, &our_keys);
	gather(theirs, matcher->is_theirs, key_of, &their_keys);
	for (uint32_t i = 0; i < theirs->count; i++) {
		uint32_t ours, their;
		uint64_t hash;

		if (hash_of_file(theirs, matcher->is_theirs, i, key_of, &hash) &&
		    hash_table_get(&our_keys, hash, &ours) &&
		    hash_table_get(&their_keys, hash, &their) && ours != AMBIGUOUS &&
		    their != AMBIGUOUS)
			match_file(matcher, i, ours);
	}
	hash_table_free(&our_keys);
	hash_table_free(&their_keys);
}

static void mark_files(const struct profile *profile, bool *is_file)
{
	for (size_t i = 0; i < profile->nr_sites; i++) {
		if (profile->sites[i].kind == SITE_PYTHON || profile->sites[i].kind == SITE_C)
			is_file[profile->sites[i].file] = true;
	}
}

/* The file of the program that was run: that of the first module without a caller. */
static uint32_t find_program(const struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_nodes; i++) {
		const struct site *site = &profile->sites[profile->nodes[i].site];
		const char *file = profile_string(profile, site->file);

		if (site->kind == SITE_PYTHON && profile->nodes[i].parent == NO_NODE &&
		    *file == '/' && !code_path_installation(file) &&
		    !strcmp(profile_string(profile, site->name), "<module>"))
			return site->file;
	}
	return NO_FILE;
}

static void match_programs(struct file_matcher *matcher)
{
	uint32_t ours = find_program(matcher->profile), theirs = find_program(matcher->other);

	if (ours != NO_FILE && theirs != NO_FILE && matcher->is_ours[ours] &&
	    matcher->is_theirs[theirs])
		match_file(matcher, theirs, ours);
}

/* The same path is the same file. */
static void match_paths(struct file_matcher *matcher)
{
	for (uint32_t i = 0; i < matcher->other->strings.count; i++) {
		uint32_t ours = matcher->strings[i];

		if (!matcher->is_theirs[i] || !matcher->is_ours[ours])
			continue;
		match_file(matcher, i, ours);
	}
}

uint32_t *profile_match_files(const struct profile *profile, const struct profile *other,
			      const uint32_t *strings)
{
	size_t count = other->strings.count;
	_cleanup_(freep) bool *is_ours = xcalloc(profile->strings.count, sizeof(*is_ours));
	_cleanup_(freep) bool *is_theirs = xcalloc(count, sizeof(*is_theirs));
	struct file_matcher matcher = {
		.profile = profile,
		.other = other,
		.strings = strings,
		.files = xcalloc(count, sizeof(*matcher.files)),
		.is_ours = is_ours,
		.is_theirs = is_theirs,
	};

	for (size_t i = 0; i < count; i++)
		matcher.files[i] = strings[i];
	mark_files(profile, is_ours);
	mark_files(other, is_theirs);
	match_paths(&matcher);
	match_by(&matcher, module_key);
	match_by(&matcher, name_key);
	match_programs(&matcher);
	return matcher.files;
}
