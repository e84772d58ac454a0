/* SPDX-License-Identifier: BSD-2-Clause */
/* Modules and classes as roots; see census_roots.h. */
#include "census_roots.h"

#include <string.h>

#include "memory.h"
#include "python_object.h"

#define MAX_MODULES 65536
#define MODULE_DICT 16 /* PyModuleObject.md_dict */

struct module {
	uint64_t object, dict; /* no dict: something else took a module's place */
	uint32_t name, node;
};

struct roots {
	struct census_walk *walk;
	struct module *modules;
	size_t count, capacity;
	const struct module *module; /* whose names are looked at */
	uint32_t class_name, class_node;
	bool is_second; /* what was made elsewhere has had its turn */
};

/* ---- Modules ---- */

/* Another name for the same: os.path is posixpath, and multiprocessing names __main__ again. */
static bool is_seen(const struct roots *roots, uint64_t object)
{
	for (size_t i = 0; i < roots->count; i++) {
		if (roots->modules[i].object == object)
			return true;
	}
	return false;
}

static void see_module(void *context, uint64_t word, uint32_t name)
{
	struct roots *roots = context;
	struct census_walk *walk = roots->walk;
	struct census_head head;
	uint32_t class;
	struct module module = { .object = word, .name = name };

	if (name == CENSUS_NO_NAME || roots->count >= MAX_MODULES || is_seen(roots, word) ||
	    !census_classes_object(walk->classes, word, &head, &class))
		return;
	if (walk->classes->classes[class].kind == KIND_MODULE)
		module.dict = census_reader_word(walk->classes->reader, word + MODULE_DICT);
	roots->modules = array_reserve(roots->modules, &roots->capacity, roots->count + 1,
				       sizeof(*roots->modules));
	roots->modules[roots->count++] = module;
}

/* The modules themselves, so that none of them belongs to who imported it. */
static void put_modules(struct roots *roots)
{
	struct census_walk *walk = roots->walk;

	for (size_t i = 0; i < roots->count; i++) {
		struct module *module = &roots->modules[i];

		module->node = census_tree_root(&walk->tree, CENSUS_MODULE, module->name,
						CENSUS_NO_NODE);
		census_walk_put(walk, module->object, module->node);
		if (module->dict)
			census_walk_put_names(walk, module->dict, module->node);
	}
}

/* ---- Classes ---- */

/* Functions and the like are the class, not what it holds. */
static bool is_code(const struct census_walk *walk, const struct census_class *class)
{
	static const char *const names[] = {
		"function",	      "property",	   "staticmethod",
		"classmethod",	      "getset_descriptor", "member_descriptor",
		"wrapper_descriptor", "method_descriptor", "builtin_function_or_method",
	};
	const char *name = string_pool_get(walk->names->strings, class->name);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void see_class_attribute(void *context, uint64_t word, uint32_t name)
{
	struct roots *roots = context;
	struct census_walk *walk = roots->walk;
	struct census_head head;
	uint32_t class;

	if (name == CENSUS_NO_NAME || !census_classes_object(walk->classes, word, &head, &class) ||
	    is_code(walk, &walk->classes->classes[class]))
		return;
	name = census_names_join(walk->names, roots->class_name, ".", name);
	census_walk_put(walk, word,
			census_tree_root(&walk->tree, CENSUS_CLASS, name, roots->class_node));
}

static void put_class(struct roots *roots, uint64_t type, uint32_t name, uint32_t node)
{
	struct census_walk *walk = roots->walk;
	uint64_t dict = census_reader_word(walk->classes->reader, type + TYPE_DICT);
	const struct census_refs refs = {
		.classes = walk->classes,
		.names = walk->names,
		.context = roots,
		.see = see_class_attribute,
	};

	roots->class_name = name;
	roots->class_node = node;
	census_walk_put(walk, type, node);
	if (dict)
		census_refs_visit_dict(&refs, dict, true);
}

/* ---- Names in modules ---- */

/* Is it a class or a function that another module made, and this one has imported? */
static bool is_foreign(const struct roots *roots, uint64_t object, const struct census_class *class)
{
	struct census_reader *reader = roots->walk->classes->reader;
	const struct string_pool *strings = roots->walk->names->strings;
	struct python_type type;
	bool is_other;

	if (class->kind == KIND_TYPE) {
		if (python_type_read(&reader->python, object, &type))
			return true;
		is_other = strcmp(type.module, string_pool_get(strings, roots->module->name)) != 0;
		python_type_clear(&type);
		return is_other;
	}
	if (strcmp(string_pool_get(strings, class->name), "function") != 0)
		return false;
	/* func_globals is the second or the third field (Include/cpython/funcobject.h). */
	return census_reader_word(reader, object + 16) != roots->module->dict &&
	       census_reader_word(reader, object + 24) != roots->module->dict;
}

static void see_name(void *context, uint64_t word, uint32_t name)
{
	struct roots *roots = context;
	struct census_walk *walk = roots->walk;
	struct census_head head;
	uint32_t index, node;
	bool is_type;

	if (name == CENSUS_NO_NAME || !census_classes_object(walk->classes, word, &head, &index) ||
	    (!roots->is_second && is_foreign(roots, word, &walk->classes->classes[index])))
		return;
	is_type = walk->classes->classes[index].kind == KIND_TYPE;
	index = census_table_find(walk->table, word);
	if (index != CENSUS_NO_ENTRY && walk->table->entries[index].node != CENSUS_NO_NODE)
		return;
	name = census_names_join(walk->names, roots->module->name, ".", name);
	node = census_tree_root(&walk->tree, CENSUS_MODULE, name, roots->module->node);
	if (is_type)
		put_class(roots, word, name, node);
	else
		census_walk_put(walk, word, node);
}

/* Modules that were imported later first: who imports something stands before it. */
static void put_names(struct roots *roots)
{
	const struct census_refs refs = {
		.classes = roots->walk->classes,
		.names = roots->walk->names,
		.context = roots,
		.see = see_name,
	};

	for (size_t i = roots->count; i-- > 0;) {
		roots->module = &roots->modules[i];
		if (roots->module->dict)
			census_refs_visit_dict(&refs, roots->module->dict, true);
	}
}

void census_roots_put_modules(struct census_walk *walk, uint64_t modules)
{
	struct roots roots = { .walk = walk };
	const struct census_refs refs = {
		.classes = walk->classes,
		.names = walk->names,
		.context = &roots,
		.see = see_module,
	};

	census_refs_visit_dict(&refs, modules, true);
	put_modules(&roots);
	put_names(&roots);
	roots.is_second = true;
	put_names(&roots);
	free(roots.modules);
}
