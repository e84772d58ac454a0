/* SPDX-License-Identifier: BSD-2-Clause */
/* Files inspected in this run; see interpreter_cache.h. A hash table of chains over one array. */
#include "interpreter_cache.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file_change.h"
#include "memory.h"
#include "string_pool.h"

#define NR_BUCKETS 1024 /* power of two; a desktop maps some thousand files */
#define NO_ENTRY UINT32_MAX

/* A file without a CPython that changes all the time is what it was the last of these times. */
#define MAX_INSPECTIONS 8

struct interpreter_cache {
	struct interpreter_entry *entries;
	uint32_t *next; /* older entry of the same bucket */
	size_t nr_entries;
	size_t entries_capacity;
	size_t next_capacity;
	struct string_pool texts; /* of entries from elsewhere */
	bool is_jit_expected;
	uint32_t buckets[NR_BUCKETS]; /* newest entry */
};

struct interpreter_cache *interpreter_cache_new(void)
{
	struct interpreter_cache *cache = xcalloc(1, sizeof(*cache));

	memset(cache->buckets, 0xff, sizeof(cache->buckets));
	string_pool_init(&cache->texts);
	return cache;
}

void interpreter_cache_free(struct interpreter_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < cache->nr_entries; i++)
		free(cache->entries[i].path);
	free(cache->entries);
	free(cache->next);
	string_pool_free(&cache->texts);
	free(cache);
}

void interpreter_cache_freep(struct interpreter_cache **cache)
{
	interpreter_cache_free(*cache);
}

void interpreter_cache_expect_jit(struct interpreter_cache *cache)
{
	cache->is_jit_expected = true;
}

bool interpreter_cache_expects_jit(const struct interpreter_cache *cache)
{
	return cache->is_jit_expected;
}

size_t interpreter_cache_count(const struct interpreter_cache *cache)
{
	return cache->nr_entries;
}

const struct interpreter_entry *interpreter_cache_at(const struct interpreter_cache *cache,
						     size_t index)
{
	return &cache->entries[index];
}

static size_t bucket_of(struct file_identity file)
{
	uint64_t hash = (file.ino ^ file.dev << 32) * 0x9e3779b97f4a7c15ULL;

	return hash >> 32 & (NR_BUCKETS - 1);
}

int interpreter_cache_find(const struct interpreter_cache *cache, struct file_identity file,
			   size_t *ret_index)
{
	for (uint32_t i = cache->buckets[bucket_of(file)]; i != NO_ENTRY; i = cache->next[i])
		if (file_identity_is(cache->entries[i].file, file)) {
			*ret_index = i;
			return 0;
		}
	return -ENOENT;
}

static size_t add(struct interpreter_cache *cache, const struct interpreter_entry *entry)
{
	size_t bucket = bucket_of(entry->file), index = cache->nr_entries++;

	cache->entries = array_reserve(cache->entries, &cache->entries_capacity, index + 1,
				       sizeof(*cache->entries));
	cache->next = array_reserve(cache->next, &cache->next_capacity, index + 1,
				    sizeof(*cache->next));
	cache->entries[index] = *entry;
	cache->next[index] = cache->buckets[bucket];
	cache->buckets[bucket] = (uint32_t)index;
	return index;
}

static bool is_exhausted(const struct interpreter_entry *newest)
{
	return newest->nr_inspections >= MAX_INSPECTIONS && newest->status &&
	       newest->status != -ENOTSUP;
}

static bool is_current(const struct interpreter_entry *known,
		       const struct interpreter_entry *wanted)
{
	return file_identity_is(known->file, wanted->file) &&
	       known->changed_ns == wanted->changed_ns &&
	       (known->search >= wanted->search || known->status == 0 || known->status == -ENOTSUP);
}

/* Of the file as it is now: that is not the newest one where the file is again what it once was. */
static bool find_current(const struct interpreter_cache *cache,
			 const struct interpreter_entry *wanted, size_t *ret_index)
{
	uint32_t i = cache->buckets[bucket_of(wanted->file)];

	while (i != NO_ENTRY && !is_current(&cache->entries[i], wanted))
		i = cache->next[i];
	*ret_index = i;
	return i != NO_ENTRY;
}

static bool is_same_interpreter(const struct interpreter *one, const struct interpreter *other)
{
	return !memcmp(&one->layout, &other->layout, sizeof(one->layout)) &&
	       one->version_hex == other->version_hex && !strcmp(one->version, other->version) &&
	       one->text_vaddr == other->text_vaddr && one->text_offset == other->text_offset &&
	       one->text_bytes == other->text_bytes &&
	       !memcmp(one->ends.offsets, other->ends.offsets, sizeof(one->ends.offsets)) &&
	       one->ends.doubt == other->ends.doubt;
}

static bool is_same_plan(const struct probe_plan *one, const struct probe_plan *other)
{
	if (one->event != other->event || one->frame != other->frame ||
	    one->nr_sites != other->nr_sites || one->code_death != other->code_death)
		return false;
	for (size_t i = 0; i < one->nr_sites; i++)
		if (one->sites[i].offset != other->sites[i].offset ||
		    one->sites[i].semaphore != other->sites[i].semaphore)
			return false;
	return true;
}

/* What is known of a file that has changed and in which all is where it was: its mode was changed,
 * or its links, or it was written anew from the same build. */
static bool find_same(const struct interpreter_cache *cache, const struct interpreter_entry *found,
		      size_t *ret_index)
{
	for (uint32_t i = cache->buckets[bucket_of(found->file)]; i != NO_ENTRY && !found->status;
	     i = cache->next[i]) {
		const struct interpreter_entry *known = &cache->entries[i];

		if (!known->status && file_identity_is(known->file, found->file) &&
		    is_same_interpreter(&known->interpreter, &found->interpreter) &&
		    is_same_plan(&known->plan, &found->plan)) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

static char *name_of(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path));
	return length > 0 && length < (ssize_t)sizeof(path) ? xstrndup(path, length) : NULL;
}

/* Takes the path over. Returns the entry's status. */
static int add_or_renew(struct interpreter_cache *cache, const struct interpreter_entry *entry,
			size_t *ret_index)
{
	if (!find_same(cache, entry, ret_index)) {
		*ret_index = add(cache, entry);
		return entry->status;
	}
	free(cache->entries[*ret_index].path);
	cache->entries[*ret_index].path = entry->path;
	cache->entries[*ret_index].changed_ns = entry->changed_ns;
	return 0;
}

int interpreter_cache_inspect(struct interpreter_cache *cache, int fd, struct file_identity file,
			      enum interpreter_search search, size_t *ret_index)
{
	struct interpreter_entry entry = { .file = file, .search = search, .nr_inspections = 1 };
	int error = file_change_begin(fd, &entry.changed_ns);

	if (error)
		return error;
	if (interpreter_cache_find(cache, file, ret_index) == 0) {
		if (is_exhausted(&cache->entries[*ret_index]))
			return cache->entries[*ret_index].status;
		entry.nr_inspections = cache->entries[*ret_index].nr_inspections + 1;
	}
	if (find_current(cache, &entry, ret_index))
		return cache->entries[*ret_index].status;
	entry.status = interpreter_inspect_by(fd, search, &entry.interpreter);
	if (!entry.status)
		probe_plan_find(fd, &entry.interpreter, cache->is_jit_expected, &entry.plan);
	error = file_change_check(fd, entry.changed_ns);
	if (error)
		return error;
	if (!entry.status)
		entry.path = name_of(fd);
	return add_or_renew(cache, &entry, ret_index);
}

static const char *keep_text(struct interpreter_cache *cache, const char *text)
{
	if (!text)
		return NULL;
	return string_pool_get(&cache->texts, string_pool_add(&cache->texts, text));
}

size_t interpreter_cache_adopt(struct interpreter_cache *cache,
			       const struct interpreter_entry *given)
{
	struct interpreter_entry entry = *given;
	size_t index;

	for (uint32_t i = cache->buckets[bucket_of(entry.file)]; i != NO_ENTRY;
	     i = cache->next[i]) {
		const struct interpreter_entry *known = &cache->entries[i];

		if (file_identity_is(known->file, entry.file) &&
		    known->changed_ns == entry.changed_ns && known->status == entry.status)
			return i;
	}
	entry.path = given->path ? xstrdup(given->path) : NULL;
	entry.interpreter.reason = keep_text(cache, given->interpreter.reason);
	entry.plan.reason = keep_text(cache, given->plan.reason);
	add_or_renew(cache, &entry, &index);
	return index;
}
