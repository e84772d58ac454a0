/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of a row; see label.h. */
#include "label.h"

#include <inttypes.h>
#include <string.h>

#include "code_groups.h"
#include "code_path.h"
#include "memory.h"
#include "profile_roots.h"

/* ---- Directories that are shortened ---- */

static bool is_below(const char *path, const struct label_prefix *prefix)
{
	return !strncmp(path, prefix->path, prefix->length);
}

static bool is_same_text(const struct label_prefix *a, const struct label_prefix *b)
{
	size_t length = a->length - a->cut;

	return b->length - b->cut == length && !strncmp(a->path + a->cut, b->path + b->cut, length);
}

static void add_prefix(struct label_style *style, const char *path)
{
	const char *slash = code_path_installation(path);
	struct label_prefix found = { .path = path };

	if (!slash || slash == path || style->nr_prefixes == MAX_LABEL_PREFIXES)
		return;
	found.cut = slash - path;
	found.length = strchr(slash + 1, '/') + 1 - path;
	for (size_t i = 0; i < style->nr_prefixes; i++) {
		if (is_same_text(&style->prefixes[i], &found))
			return;
	}
	style->prefixes[style->nr_prefixes++] = found;
}

static void set_directory(struct label_style *style, const char *directory)
{
	size_t length = strlen(directory);

	if (directory[0] != '/' || length < 2 || length + 2 > sizeof(style->directory))
		return;
	memcpy(style->directory, directory, length);
	memcpy(style->directory + length, "/", sizeof("/"));
}

void label_style_init(struct label_style *ret, const struct profile *profile, const char *directory,
		      bool full_paths)
{
	_cleanup_(freep) bool *is_known = xcalloc(profile->strings.count, sizeof(*is_known));

	*ret = (struct label_style){ .profile = profile, .full_paths = full_paths };
	if (directory && !full_paths)
		set_directory(ret, directory);
	for (size_t i = 0; i < profile->nr_sites && !full_paths; i++) {
		const struct site *site = &profile->sites[i];

		if (site->kind != SITE_PYTHON || is_known[site->file])
			continue;
		is_known[site->file] = true;
		add_prefix(ret, profile_string(profile, site->file));
	}
}

/* What is to be written of a path: after `…` when *ret_dots says so. The longest directory counts,
 * so that site-packages goes before the library that it lies in. */
static const char *shorten(const struct label_style *style, const char *path, const char **ret_dots)
{
	const struct label_prefix *best = NULL;
	size_t here = strlen(style->directory);

	for (size_t i = 0; i < style->nr_prefixes; i++) {
		const struct label_prefix *prefix = &style->prefixes[i];

		if (is_below(path, prefix) && (!best || prefix->length > best->length))
			best = prefix;
	}
	*ret_dots = best ? "…" : "";
	if (!best && here && !strncmp(path, style->directory, here) && path[here])
		return path + here;
	return best ? path + best->cut : path;
}

/* ---- Rows ---- */

static const char *or_unknown(const char *text)
{
	return *text ? text : "?";
}

/* A row that stands for more than a function. */
static char *group_label(const struct label_style *style, const struct calltree *tree,
			 const struct tree_node *node)
{
	const struct tree_place place = calltree_place(tree, node);
	const char *dots, *file;

	if (node->kind == TREE_PYTHON && tree->groups->by != TREE_BY_FILE &&
	    tree->groups->by != TREE_BY_LINE)
		return xstrdup(or_unknown(place.function));
	file = shorten(style, or_unknown(place.file), &dots);
	if (node->kind == TREE_C || tree->groups->by == TREE_BY_FILE)
		return xasprintf("%s%s", dots, file);
	return xasprintf("%s%s:%d", dots, file, place.at);
}

bool label_is_cell(const char *file)
{
	return !strncmp(file, "In [", 4);
}

/* A notebook's: what it runs itself is called as there. */
static bool is_cell(const struct profile *profile, const struct site *site)
{
	const char *name = profile_string(profile, site->name);

	return label_is_cell(profile_string(profile, site->file)) &&
	       (!strcmp(name, "<module>") || !strncmp(name, "<cell line:", 11));
}

static char *python_label(const struct label_style *style, const struct site *site)
{
	const char *name = or_unknown(profile_string(style->profile, site->name)), *dots, *file;

	if (strchr(name, '.'))
		return xstrdup(name);
	if (is_cell(style->profile, site))
		return xstrdup(profile_string(style->profile, site->file));
	file = shorten(style, or_unknown(profile_string(style->profile, site->file)), &dots);
	if (name[0] == '<')
		return xasprintf("%s%s:%d:%s", dots, file, site->line, name);
	if (file[0] == '<') /* <frozen site>, <string>: they have brackets */
		return xasprintf("%s:%d.%s", file, site->line, name);
	return xasprintf("<%s%s:%d>.%s", dots, file, site->line, name);
}

const char *label_thread(const struct calltree *tree, const struct tree_node *node)
{
	if (node->site == NO_SITE)
		return tree->native_name ? tree->native_name : "";
	return profile_string(tree->profile, tree->profile->sites[node->site].name);
}

bool label_has_thread(const struct tree_node *node)
{
	return node->kind == TREE_NATIVE || node->kind == TREE_THREAD;
}

const char *label_class(const struct calltree *tree, const struct tree_node *node)
{
	if (!node->nr_objects || !node->is_one_class)
		return NULL;
	return profile_string(tree->profile, tree->profile->objects[node->object].class_name);
}

const struct object *label_object(const struct calltree *tree, const struct tree_node *node)
{
	bool is_single = node->nr_objects == 1 && !node->is_crowded;

	return is_single ? &tree->profile->objects[node->object] : NULL;
}

/* Is this the class that a qualified name names its method by? */
static bool names_class(const char *qualified, const char *class_name)
{
	size_t length = strlen(class_name);
	const char *dot = strrchr(qualified, '.');
	size_t before = dot ? (size_t)(dot - qualified) : 0;

	return before >= length && !strncmp(qualified + before - length, class_name, length) &&
	       (before == length || qualified[before - length - 1] == '.');
}

static char *single_object(const struct calltree *tree, const struct object *object)
{
	const char *class_name = or_unknown(profile_string(tree->profile, object->class_name));
	const char *pathname;

	if (object->instance == OTHER_INSTANCES)
		return xasprintf(" %s#…", class_name);
	if (!object->pathname)
		return xasprintf(" %s#%u", class_name, object->instance);
	pathname = profile_string(tree->profile, object->pathname - 1);
	return xasprintf(" %s#%u:%s", class_name, object->instance, *pathname ? pathname : "''");
}

/* What follows a method's name; empty where no object was seen. */
static char *objects_text(const struct calltree *tree, const struct tree_node *node)
{
	const char *method = profile_string(tree->profile, tree->profile->sites[node->site].name);
	const char *class_name = label_class(tree, node);
	bool is_other = class_name && *class_name && !names_class(method, class_name);

	if (!node->nr_objects)
		return xstrdup("");
	if (label_object(tree, node))
		return single_object(tree, label_object(tree, node));
	return xasprintf("%s%s%s (%s%u objects)", is_other ? " (" : "", is_other ? class_name : "",
			 is_other ? ")" : "", node->is_crowded ? "≥" : "", node->nr_objects);
}

/* A qualified name does not say where it is. */
static char *method_place(const struct label_style *style, const struct site *site)
{
	const char *file = profile_string(style->profile, site->file), *slash = strrchr(file, '/');

	if (!*file || !strchr(profile_string(style->profile, site->name), '.'))
		return xstrdup("");
	return xasprintf(" (%s:%d)", slash ? slash + 1 : file, site->line);
}

char *label_name(const struct label_style *style, const struct calltree *tree, uint32_t index)
{
	const struct tree_node *node = &tree->nodes[index];
	_cleanup_(freep) char *name = NULL, *object = NULL;
	const struct site *site;
	const char *qualified;

	if (node->kind != TREE_PYTHON || tree->groups)
		return label_text(style, tree, index);
	site = &tree->profile->sites[node->site];
	qualified = or_unknown(profile_string(style->profile, site->name));
	name = qualified[0] == '<' ? python_label(style, site) : xstrdup(qualified);
	if (!site->part_object)
		return TAKE(name);
	object = single_object(tree, &tree->profile->objects[site->part_object - 1]);
	return xasprintf("%s%s", name, object);
}

char *label_objects(const struct calltree *tree, uint32_t index)
{
	const struct tree_node *node = &tree->nodes[index];

	return node->kind == TREE_PYTHON && node->nr_objects && !tree->groups
		       ? objects_text(tree, node)
		       : xstrdup("");
}

char *label_function(const struct label_style *style, const struct calltree *tree, uint32_t index)
{
	const struct tree_node *node = &tree->nodes[index];
	const struct site *site;
	_cleanup_(freep) char *name = NULL, *place = NULL;

	if (node->kind != TREE_PYTHON || tree->groups)
		return label_text(style, tree, index);
	site = &tree->profile->sites[node->site];
	if (site->part_object)
		return label_text(style, tree, index);
	name = python_label(style, site);
	place = method_place(style, site);
	return site->at ? xasprintf("%s:%d%s", name, site->at, place)
			: xasprintf("%s%s", name, place);
}

static char *python_row_label(const struct label_style *style, const struct calltree *tree,
			      const struct tree_node *node)
{
	const struct site *site = &tree->profile->sites[node->site];
	_cleanup_(freep) char *name = python_label(style, site), *objects = NULL;
	const char *task = node->is_task ? "task " : "";

	if (!site->at && !node->nr_objects)
		return xasprintf("%s%s", task, name);
	objects = objects_text(tree, node);
	if (site->at)
		return xasprintf("%s%s:%d%s", task, name, site->at, objects);
	return xasprintf("%s%s%s", task, name, objects);
}

static char *c_label(const struct label_style *style, const struct site *site)
{
	const char *library = profile_string(style->profile, site->file);
	const char *name = profile_string(style->profile, site->name);
	const char *slash = style->full_paths ? NULL : strrchr(library, '/');

	if (!*library)
		return xstrdup("[C frames not followed]");
	library = slash && slash[1] ? slash + 1 : library;
	return *name ? xasprintf("%s (%s)", name, library)
		     : xasprintf("%s+0x%" PRIx64, library, site->offset);
}

/* Marked, because nobody has seen whom the thread works for. */
static char *inferred_label(const struct calltree *tree, const struct tree_node *node)
{
	const char *name = or_unknown(label_thread(tree, node));

	if (node->nr_threads > 1)
		return xasprintf("~[native %s and %" PRIu32 " more]", name, node->nr_threads - 1);
	return xasprintf("~[native %s]", name);
}

/* Two threads may have one name. */
static char *thread_label(const struct calltree *tree, const struct tree_node *node)
{
	const char *name = label_thread(tree, node);
	int32_t tid = node->site == NO_SITE ? 0 : tree->profile->sites[node->site].line;

	if (!*name)
		return xstrdup("[" OTHER_THREADS "]");
	return tid ? xasprintf("[thread %s %" PRId32 "]", name, tid)
		   : xasprintf("[thread %s]", name);
}

char *label_text(const struct label_style *style, const struct calltree *tree, uint32_t index)
{
	static const char *const texts[NR_TREE_KINDS] = {
		[TREE_STARTUP] = "[startup]",
		[TREE_SHUTDOWN] = "[shutdown]",
		[TREE_KERNEL] = "[kernel]",
		[TREE_INHERITED] = "[inherited]",
		[TREE_BEFORE] = "[before attach]",
		[TREE_UNOWNED] = "[unowned]",
		[TREE_FREE] = "[free in malloc]",
		[TREE_DEEPER] = "[deeper]",
		[TREE_CUT] = "[cut]",
		[TREE_LOST] = "[lost]",
	};
	const struct tree_node *node = &tree->nodes[index];

	if (tree->groups && (node->kind == TREE_PYTHON || node->kind == TREE_C))
		return group_label(style, tree, node);
	if (node->kind == TREE_PYTHON)
		return python_row_label(style, tree, node);
	if (node->kind == TREE_C)
		return c_label(style, &tree->profile->sites[node->site]);
	if (node->is_inferred)
		return inferred_label(tree, node);
	if (node->kind == TREE_NATIVE)
		return xasprintf("[native thread %s]", or_unknown(label_thread(tree, node)));
	if (node->kind == TREE_THREAD)
		return thread_label(tree, node);
	if (node->kind == TREE_TRUNCATED)
		return xasprintf("[cut: deeper than %d frames]", MAX_FRAMES);
	return xstrdup(texts[node->kind]);
}
