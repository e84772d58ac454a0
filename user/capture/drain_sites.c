/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts, parts and line tables of sites; see drain_sites.h. */
#include "drain_sites.h"

#include <bpf/bpf.h>
#include <string.h>

#include "drain_cells.h"
#include "drain_files.h"
#include "drain_lines.h"
#include "drain_names.h"
#include "drain_reread.h"
#include "hash_table.h"
#include "inspect_python.h"
#include "memory.h"
#include "profile_roots.h"
#include "python_frames.h"
#include "terminal.h"
#include "user_loss.h"

/* A function that is no Python, which has no name yet. */
struct waiting_function {
	uint64_t key, code; /* as in its record */
	uint32_t image_id, process;
};

struct drain_sites {
	const struct drain_base *base;
	const struct drain_images *images;
	struct drain_objects *objects;
	struct drain_files *files;
	struct drain_names *names;
	struct drain_cells *cells;
	int fd;
	struct waiting_function *waiting;
	size_t nr_waiting, waiting_capacity;
	struct known_site *all;
	size_t count, capacity;
	struct hash_table ids; /* key to index */
};

struct drain_sites *drain_sites_new(const struct drain_base *base,
				    const struct drain_images *images,
				    struct drain_objects *objects)
{
	struct drain_sites *sites = xcalloc(1, sizeof(*sites));

	sites->base = base;
	sites->images = images;
	sites->objects = objects;
	sites->files = drain_files_new(base);
	sites->names = drain_names_new(base);
	sites->cells = drain_cells_new(base);
	sites->fd = loader_map(base->loader, "sites");
	return sites;
}

void drain_sites_free(struct drain_sites *sites)
{
	if (!sites)
		return;
	drain_files_free(sites->files);
	drain_names_free(sites->names);
	drain_cells_free(sites->cells);
	hash_table_free(&sites->ids);
	free(sites->waiting);
	free(sites->all);
	free(sites);
}

const struct known_site *drain_sites_find(const struct drain_sites *sites, uint64_t key)
{
	uint32_t index;

	return hash_table_get(&sites->ids, key, &index) ? &sites->all[index] : NULL;
}

static void remember(struct drain_sites *sites, const struct known_site *known)
{
	uint32_t index;

	if (hash_table_get(&sites->ids, known->key, &index)) {
		sites->all[index] = *known;
		return;
	}
	sites->all = array_reserve(sites->all, &sites->capacity, sites->count + 1,
				   sizeof(*sites->all));
	sites->all[sites->count] = *known;
	hash_table_put(&sites->ids, known->key, sites->count++);
}

/* ---- Texts ---- */

/* A str of the target as UTF-8. `kind` bytes a character, each a code point; all is checked. */
static uint32_t add_text(struct drain_sites *sites, const struct wire_str *str,
			 const uint8_t *bytes)
{
	uint32_t count = str->bytes ? str->bytes / str->kind : 0, id;
	char *text = xmalloc(4 * ((size_t)count + 1) + 1), *end = text;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t character = 0;

		memcpy(&character, bytes + (size_t)i * str->kind, str->kind);
		end += utf8_encode(character, end);
	}
	if (str->truncated)
		end += utf8_encode(0x2026, end);
	id = string_pool_add_bytes(&sites->base->profile->strings, text, end - text);
	free(text);
	return id;
}

/* A process that has given up root's rights once is not given them back for what it names: another
 * user may speak through it by now. */
static void note_user(struct process *process, const struct wire_site *record)
{
	if (process->has_user && process->uid && !record->uid)
		return;
	process->has_user = true;
	process->uid = record->uid;
	process->gid = record->gid;
}

static void note_root(const struct drain_base *base, struct process *process,
		      const struct wire_site *record)
{
	struct target_root before = drain_base_root(process);
	struct target_root root = { .inode = record->root_inode, .mount = record->root_mount };
	uint32_t sources = target_root_is(&root, &base->root) ? SOURCES_HERE : SOURCES_ELSEWHERE;

	if (process->sources == SOURCES_MIXED ||
	    (process->sources && !target_root_is(&root, &before)))
		sources = SOURCES_MIXED;
	process->is_dirty |= process->sources != sources;
	process->sources = sources;
	process->root_inode = root.inode;
	process->root_mount = root.mount;
}

/* A thread goes by its comm until the profile is whole (profile_roots.h). */
static void name_thread(struct drain_sites *sites, const struct wire_site *record,
			struct site *site)
{
	struct string_pool *strings = &sites->base->profile->strings;
	char comm[COMM_BYTES + 1] = "";

	memcpy(comm, record + 1, record->name.bytes < COMM_BYTES ? record->name.bytes : COMM_BYTES);
	if (record->code == record->tgid)
		site->name = string_pool_add(strings, MAIN_THREAD);
	else if (record->code)
		site->name = string_pool_add(strings, *comm ? comm : "?");
	if (record->code && record->code != record->tgid)
		site->line = (int32_t)record->code;
}

/* A text that the BPF side could not read is what was read again, or is a loss. */
static uint32_t add_lost_text(struct drain_sites *sites, const char *again)
{
	return string_pool_add(&sites->base->profile->strings, *again ? again : "?");
}

/* The names of a site of which one is missing. */
static void find_lost_texts(struct drain_sites *sites, const struct wire_site *record,
			    uint32_t process, struct site *site)
{
	struct inspected_code again = { 0 };
	const bool is_read = drain_reread_names(sites->base, process, record, &again);
	const char *file = is_read ? again.file : "", *name = is_read ? again.name : "";

	if (record->filename.missing)
		site->file = add_lost_text(sites, file);
	if (record->name.missing)
		site->name = add_lost_text(sites, name);
	if ((record->filename.missing && !*file) || (record->name.missing && !*name))
		user_loss_add(sites->base->profile, process, LOSS_name_unreadable, 1);
	inspected_code_clear(&again);
}

#define GREENLET "greenlet/__init__.py" /* which every import of it runs, from 1.0 on */

/*
 * Frames of a greenlet that waits are in greenlet's own objects, where no walk finds them: whether
 * there are any at the end is not known. Older greenlets have no such file, but run on no version
 * whose ends of frames are counted.
 */
static void note_greenlet(const struct drain_base *base, uint32_t process, uint32_t file)
{
	const char *path = profile_string(base->profile, file);
	size_t length = strlen(path), own = sizeof(GREENLET) - 1;

	if (length < own || strcmp(path + length - own, GREENLET) != 0 ||
	    (length > own && path[length - own - 1] != '/'))
		return;
	base->profile->processes[process].kept_reason = string_pool_add(
		&base->profile->strings,
		"calls that greenlets may have waited in at its end were not added");
}

/* The names of a site, which stand behind its record. */
static void take_texts(struct drain_sites *sites, const struct wire_site *record, uint32_t process,
		       struct site *site)
{
	const uint8_t *bytes = (const uint8_t *)(record + 1);

	if (record->kind == SITE_PYTHON) {
		note_user(&sites->base->profile->processes[process], record);
		note_root(sites->base, &sites->base->profile->processes[process], record);
		site->file = add_text(sites, &record->filename, bytes);
		site->name = add_text(sites, &record->name, bytes + record->filename.bytes);
		if (record->filename.missing || record->name.missing)
			find_lost_texts(sites, record, process, site);
		site->file = drain_files_name(sites->files, process, record->version, site->file);
		note_greenlet(sites->base, process, site->file);
	} else if (record->kind == SITE_THREAD) {
		name_thread(sites, record, site);
	} else if (record->kind == SITE_NATIVE) {
		site->name = string_pool_add_bytes(&sites->base->profile->strings,
						   (const char *)bytes, record->name.bytes);
	}
	drain_names_qualify(sites->names, process, site);
	if (record->kind == SITE_PYTHON)
		site->file = drain_cells_name(sites->cells, process, site->file);
}

static struct line_bytes line_table_of(const struct wire_site *record)
{
	const uint8_t *bytes = (const uint8_t *)(record + 1);

	return (struct line_bytes){ bytes + record->filename.bytes + record->name.bytes,
				    record->linetable_bytes };
}

/* ---- Functions that are no Python ---- */

static void wait_for_name(struct drain_sites *sites, const struct wire_site *record,
			  uint32_t process)
{
	sites->waiting = array_reserve(sites->waiting, &sites->waiting_capacity,
				       sites->nr_waiting + 1, sizeof(*sites->waiting));
	sites->waiting[sites->nr_waiting++] = (struct waiting_function){
		.key = record->site,
		.code = record->code,
		.image_id = record->head.image_id,
		.process = process,
	};
}

/* Takes those of one file out, as many as are asked for at once. */
static void take_batch(struct drain_sites *sites, struct waiting_function *ret,
		       struct function_question *ret_question)
{
	size_t rest = 0;

	ret_question->process = sites->waiting[0].process;
	ret_question->number = sites->waiting[0].code >> 32;
	for (size_t i = 0; i < sites->nr_waiting; i++) {
		const struct waiting_function one = sites->waiting[i];
		size_t count = ret_question->count;

		if (one.code >> 32 != ret_question->number || count == FUNCTION_NAMES_BATCH) {
			sites->waiting[rest++] = one;
			continue;
		}
		ret_question->begins[count] = (uint32_t)one.code;
		ret_question->addresses[count] = (uint32_t)one.code;
		ret[count] = one;
		ret_question->count++;
	}
	sites->nr_waiting = rest;
}

/* One whose file nobody could look into goes by its place there. */
static void name_batch(struct drain_sites *sites)
{
	struct profile *profile = sites->base->profile;
	struct waiting_function batch[FUNCTION_NAMES_BATCH] = { 0 };
	struct function_question question = { 0 };

	take_batch(sites, batch, &question);
	DRAIN_TELL(&sites->base->listeners, function_asked, &question);
	for (size_t i = 0; i < question.count; i++) {
		const char *library = question.library ? question.library : "?";
		const char *name = question.names[i] ? question.names[i] : "";
		const struct site site = {
			.kind = SITE_C,
			.file = string_pool_add(&profile->strings, library),
			.name = string_pool_add(&profile->strings, name),
			.offset = question.addresses[i],
		};
		const struct known_site known = {
			.key = batch[i].key,
			.image_id = batch[i].image_id,
			.object = NO_OBJECT,
			.site = profile_add_site(profile, &site),
		};

		remember(sites, &known);
	}
}

bool drain_sites_name_functions(struct drain_sites *sites)
{
	if (!sites->nr_waiting)
		return false;
	name_batch(sites);
	return true;
}

/* ---- Records ---- */

void drain_sites_take(struct drain_sites *sites, const struct wire_site *record)
{
	const struct image_slot *slot = drain_images_find(sites->images, record->head.image_id);
	struct profile *profile = sites->base->profile;
	struct line_bytes table = line_table_of(record);
	uint32_t before = profile->nr_sites, id;
	struct site site = {
		.kind = record->kind,
		.line = record->firstlineno > 0 ? record->firstlineno : 0,
		.version = record->version,
		.is_resumable = !!(record->code_flags & CODE_RESUMABLE),
		.is_coroutine = !!(record->code_flags & CODE_COROUTINE),
	};
	struct known_site known = {
		.key = record->site,
		.image_id = record->head.image_id,
		.version = record->version,
		.object = NO_OBJECT,
	};

	if (!slot)
		return;
	if (record->kind == SITE_C && record->code) {
		wait_for_name(sites, record, slot->process);
		return;
	}
	take_texts(sites, record, slot->process, &site);
	id = profile_add_site(profile, &site);
	known.site = id;
	known.line_table = drain_lines_add(sites->base, id, id == before, &table);
	known.is_shim = site_is_init_shim(profile, &profile->sites[id]);
	remember(sites, &known);
}

/* The object that a part stands for, NO_OBJECT: it is split by line alone. */
static uint32_t object_of(struct drain_sites *sites, const struct wire_split *record)
{
	const struct object_sight sight = {
		.address = record->object,
		.type = record->type,
		.image_id = record->head.image_id,
		.class_name = record->class_name,
	};

	return record->object ? drain_objects_find(sites->objects, &sight) : NO_OBJECT;
}

void drain_sites_split(struct drain_sites *sites, const struct wire_split *record)
{
	struct known_site known = { .key = record->site, .image_id = record->head.image_id };
	const struct known_site *whole;
	struct site part;

	known.object = object_of(sites, record);
	whole = drain_sites_find(sites, record->whole);
	if (!whole)
		return;
	part = sites->base->profile->sites[whole->site];
	if (known.object != NO_OBJECT && drain_objects_is_wanted(sites->objects, known.object)) {
		part.part_object = known.object + 1;
		known.object = NO_OBJECT;
	}
	if (sites->base->has_lines)
		part.at = drain_lines_find(sites->base, whole, record->at);
	known.is_shim = whole->is_shim;
	known.site = profile_add_site(sites->base->profile, &part);
	remember(sites, &known);
}

uint32_t drain_sites_file(struct drain_sites *sites, uint32_t process, uint16_t version,
			  uint32_t file)
{
	return drain_files_name(sites->files, process, version, file);
}

void drain_sites_remove(struct drain_sites *sites)
{
	size_t kept = 0;

	for (size_t i = 0; i < sites->count; i++) {
		struct known_site *site = &sites->all[i];

		if (drain_images_is_past(sites->images, site->image_id)) {
			if (!bpf_map_delete_elem(sites->fd, &site->key))
				loader_note_removed(sites->base->loader,
						    &(struct loader_removed){ .sites = 1 });
			hash_table_remove(&sites->ids, site->key);
			continue;
		}
		sites->all[kept] = *site;
		hash_table_put(&sites->ids, site->key, kept++);
	}
	sites->count = kept;
}
