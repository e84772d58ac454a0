/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and matches of threads; see profile_roots.h. */
#include "profile_roots.h"

#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "memory.h"

/* ---- Names ---- */

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), size = strlen(end);

	return length >= size && !strcmp(text + length - size, end);
}

/* Lib/threading.py, 3.6 to 3.15: the first frame of each Thread. */
static bool is_bootstrap(const struct profile *profile, const struct site *site)
{
	return site->kind == SITE_PYTHON &&
	       ends_with(profile_string(profile, site->name), "_bootstrap") &&
	       ends_with(profile_string(profile, site->file), "/threading.py");
}

/* String + 1: the name of the only object that a node ran on, 0: there is none. Parts of sites
 * (--instances) do not tell a Thread from the next at its address. */
static uint32_t name_of_object(const struct profile *profile, const struct node *node)
{
	const struct sighting *last;

	if (!node->sightings || node->is_crowded)
		return 0;
	last = &profile->sightings[node->sightings - 1];
	return last->next ? 0 : profile->objects[last->object].pathname;
}

/* A root that has no name of its own yet. The row of all other threads stays what it is. */
static bool is_nameless(const struct profile *profile, uint32_t node)
{
	const struct site *site;

	if (node == NO_NODE || profile->nodes[node].parent != NO_NODE)
		return false;
	site = &profile->sites[profile->nodes[node].site];
	return site->kind == SITE_THREAD && site->line;
}

void profile_name_roots(struct profile *profile)
{
	bool is_any = false;

	for (size_t i = 0; i < profile->nr_nodes && profile->meta.has_threads; i++) {
		const struct node *node = &profile->nodes[i];
		uint32_t name;
		struct site root;

		if (!is_nameless(profile, node->parent) ||
		    !is_bootstrap(profile, &profile->sites[node->site]))
			continue;
		name = name_of_object(profile, node);
		if (!name || !*profile_string(profile, name - 1))
			continue;
		root = profile->sites[profile->nodes[node->parent].site];
		root.name = name - 1;
		profile->nodes[node->parent].site = profile_add_site(profile, &root);
		is_any = true;
	}
	if (is_any)
		profile_index_nodes(profile);
}

/* NULL: the root is no thread's. */
static const char *name_of_root(const struct profile *profile, const struct site *site)
{
	const char *name = profile_string(profile, site->name);

	switch (site->kind) {
	case SITE_STARTUP:
	case SITE_SHUTDOWN:
		return MAIN_THREAD;
	case SITE_THREAD:
		return *name ? name : OTHER_THREADS;
	case SITE_NATIVE:
		return name;
	default:
		return NULL;
	}
}

/* Behind the first of the words: \, is a comma and \\ a backslash of its own. Says whether it is
 * the text. */
static const char *match_word(const char *words, const char *text, bool *ret_is_it)
{
	for (*ret_is_it = true; *words && *words != ','; words++) {
		if (*words == '\\' && (words[1] == ',' || words[1] == '\\'))
			words++;
		*ret_is_it = *ret_is_it && *words == *text++;
	}
	*ret_is_it = *ret_is_it && !*text;
	return words;
}

bool profile_is_root_of(const struct profile *profile, const struct site *site, uint32_t pid,
			const char *threads)
{
	const char *name = name_of_root(profile, site);
	char tid[DECIMAL_BYTES + 1] = "";

	if (!name)
		return false;
	if (site->kind == SITE_THREAD && site->line)
		*decimal_write(tid, site->line) = '\0';
	else if (!strcmp(name, MAIN_THREAD))
		*decimal_write(tid, pid) = '\0';
	while (*threads) {
		bool is_name, is_tid;
		const char *end = match_word(threads, name, &is_name);

		match_word(threads, tid, &is_tid);
		if (end != threads && (is_name || is_tid))
			return true;
		threads = end + (*end == ',');
	}
	return false;
}

bool profile_has_root_of(const struct profile *profile, const char *threads)
{
	for (size_t i = 0; i < profile->nr_nodes; i++) {
		const struct node *node = &profile->nodes[i];
		uint32_t pid = profile->processes[node->process].pid;

		if (node->parent == NO_NODE &&
		    profile_is_root_of(profile, &profile->sites[node->site], pid, threads))
			return true;
	}
	return false;
}

/* ---- Matches ---- */

static uint64_t hash_of(uint32_t process, uint32_t name, uint32_t which)
{
	const uint32_t identity[] = { process, name, which };

	return hash_bytes(identity, sizeof(identity), 0);
}

static bool is_thread(const struct profile *profile, uint32_t site)
{
	return profile->sites[site].kind == SITE_THREAD;
}

void root_matches_begin(struct root_matches *matches, const struct profile *profile)
{
	struct hash_table counts = { 0 };

	for (size_t i = 0; i < profile->nr_nodes && profile->meta.has_threads; i++) {
		const struct node *node = &profile->nodes[i];
		uint32_t name = profile->sites[node->site].name, which = 0;
		uint64_t key = hash_of(node->process, name, 0);

		if (node->parent != NO_NODE || !is_thread(profile, node->site))
			continue;
		hash_table_get(&counts, key, &which);
		hash_table_put(&matches->sites, hash_of(node->process, name, which), node->site);
		hash_table_put(&counts, key, which + 1);
	}
	hash_table_free(&counts);
}

uint32_t root_matches_find(struct root_matches *matches, const struct profile *profile,
			   uint32_t process, uint32_t origin, uint32_t site)
{
	uint32_t name = profile->sites[site].name, which = 0;
	uint64_t counted = hash_of(origin, name, 0), key;

	if (!is_thread(profile, site))
		return site;
	hash_table_get(&matches->counts, counted, &which);
	hash_table_put(&matches->counts, counted, which + 1);
	key = hash_of(process, name, which);
	if (!hash_table_get(&matches->sites, key, &site))
		hash_table_put(&matches->sites, key, site);
	return site;
}

void root_matches_free(struct root_matches *matches)
{
	hash_table_free(&matches->counts);
	hash_table_free(&matches->sites);
}
