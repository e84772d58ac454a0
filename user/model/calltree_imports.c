/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Imports as rows; see calltree_passes.h.
 *
 * A module's code runs as `<module>`, called by the machinery that imports
 * (importlib/_bootstrap.py, or the exec_module of another loader). What it takes from there on,
 * with all functions that it calls, is the import's, until it imports another.
 *
 * The machinery itself reads files and makes code objects. Its frames are the same for all modules
 * that one module imports, so that this is the imported one's only where there is no other; else it
 * is the importing one's.
 */
#include "calltree_passes.h"
#include "calltree_state.h"

#include <string.h>

#include "memory.h"

#define NO_MODULE UINT32_MAX
#define MANY_MODULES (UINT32_MAX - 1)

struct importer {
	const struct calltree *tree;
	const uint32_t *sites; /* by site: the one that its module is named by */
	const bool *is_machinery;
	uint32_t *machines; /* by node of the machinery: the topmost one of it above; NO_NODE */
	uint32_t *modules;  /* by such a one: the only module's site; NO_MODULE, MANY_MODULES */
	uint32_t *places;   /* by node: its import's row, NO_NODE: none */
};

/* Of a function of Python. */
static const char *name_of(const struct calltree *tree, uint32_t node)
{
	const char *name = calltree_place(tree, &tree->nodes[node]).function;

	return tree->nodes[node].kind == TREE_PYTHON && name ? name : "";
}

static bool is_machine(const struct importer *importer, uint32_t node)
{
	return importer->tree->nodes[node].kind == TREE_PYTHON &&
	       importer->is_machinery[importer->tree->nodes[node].site];
}

static bool is_loader(const struct importer *importer, uint32_t node)
{
	const char *name = name_of(importer->tree, node), *dot = strrchr(name, '.');

	return is_machine(importer, node) || !strcmp(dot ? dot + 1 : name, "exec_module");
}

static bool is_import(const struct importer *importer, uint32_t node)
{
	uint32_t parent = importer->tree->nodes[node].parent;

	return parent != NO_NODE && !strcmp(name_of(importer->tree, node), "<module>") &&
	       is_loader(importer, parent);
}

/* Notes which module the machinery above an import has loaded. */
static void note_module(struct importer *importer, uint32_t node)
{
	uint32_t machine = importer->machines[importer->tree->nodes[node].parent];
	uint32_t site = importer->sites[importer->tree->nodes[node].site];
	uint32_t *module;

	if (machine == NO_NODE)
		return;
	module = &importer->modules[machine];
	if (*module == NO_MODULE)
		*module = site;
	else if (*module != site)
		*module = MANY_MODULES;
}

static void find_modules(struct importer *importer)
{
	const struct calltree *tree = importer->tree;

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		uint32_t parent = tree->nodes[i].parent;
		uint32_t above = parent == NO_NODE ? NO_NODE : importer->machines[parent];

		importer->modules[i] = NO_MODULE;
		importer->machines[i] = NO_NODE;
		if (is_machine(importer, i))
			importer->machines[i] = above == NO_NODE ? i : above;
		if (is_import(importer, i))
			note_module(importer, i);
	}
}

/* The row of who called the machinery. */
static uint32_t importing_row(const struct importer *importer, uint32_t machine)
{
	uint32_t caller = importer->tree->nodes[machine].parent;

	return caller == NO_NODE ? NO_NODE : importer->places[caller];
}

/* The row that pays for a node, whose parent's is `parent`. */
static uint32_t place_node(struct tree_builder *builder, const struct importer *importer,
			   uint32_t node, uint32_t parent)
{
	const struct tree_node *nodes = importer->tree->nodes;
	bool imports = is_import(importer, node);
	uint32_t machine = importer->machines[imports ? nodes[node].parent : node], module;

	if (machine == NO_NODE && !imports)
		return parent;
	module = imports ? importer->sites[nodes[node].site] : importer->modules[machine];
	if (machine != NO_NODE)
		parent = importing_row(importer, machine);
	return module < MANY_MODULES ? calltree_child(builder, parent, module, TREE_PYTHON)
				     : parent;
}

static void add_node(struct tree_builder *builder, struct importer *importer, uint32_t index)
{
	const struct tree_node *node = &importer->tree->nodes[index];
	const struct cost self = calltree_self(importer->tree, index);
	uint32_t parent = node->parent == NO_NODE ? NO_NODE : importer->places[node->parent];
	uint32_t payer;

	importer->places[index] = NO_NODE;
	if (calltree_is_opening(node)) {
		amounts_add(&builder->tree->totals,
			    calltree_copy_node(builder, importer->tree, index, NO_NODE), &self);
		return;
	}
	payer = place_node(builder, importer, index, parent);
	importer->places[index] = payer;
	if (payer != NO_NODE && node->first_ns < builder->tree->nodes[payer].first_ns)
		builder->tree->nodes[payer].first_ns = node->first_ns;
	if (is_import(importer, index))
		builder->tree->nodes[payer].calls += node->calls;
	if (cost_is_zero(&self))
		return;
	if (payer == NO_NODE)
		payer = calltree_cut_root(builder->tree);
	amounts_add(&builder->tree->totals, payer, &self);
}

struct calltree *calltree_imports(const struct calltree *tree, const struct code_groups *groups,
				  const bool *is_machinery)
{
	_cleanup_(freep) uint32_t *machines = xcalloc(tree->nr_nodes + 1, sizeof(*machines));
	_cleanup_(freep) uint32_t *modules = xcalloc(tree->nr_nodes + 1, sizeof(*modules));
	_cleanup_(freep) uint32_t *places = xcalloc(tree->nr_nodes + 1, sizeof(*places));
	struct tree_builder builder = { .tree = calltree_like(tree) };
	_cleanup_(freep) uint32_t *sites = calltree_group_sites(tree, groups);
	struct importer importer = { .tree = tree,
				     .sites = sites,
				     .is_machinery = is_machinery,
				     .machines = machines,
				     .modules = modules,
				     .places = places };

	builder.tree->groups = groups;
	find_modules(&importer);
	for (uint32_t i = 0; i < tree->nr_nodes; i++)
		add_node(&builder, &importer, i);
	return calltree_finish(&builder);
}
