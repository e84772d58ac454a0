/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of a row: what stands before the MB in a tree and in "label" of JSON.
 *
 * Files below the current directory are written as seen from there.
 *
 * A method or an inner function is shown by its qualified name, a function of a module as
 * `</abs/file.py:LINE>.function`, other code as `/abs/file.py:LINE:<module>`. In these the
 * directory of an installation is shortened: up to and with the folder above `site-packages`,
 * `dist-packages` or `pythonX.Y` it becomes `…`. One directory only is shortened to the same text;
 * files below a second one of the same name are written in full.
 *
 * A function that is no Python is followed by its library, or is its library and its address there,
 * where it has no name.
 *
 * A method that ran on one object is followed by it, `Class#N` or `Class#N:pathname`, one that ran
 * on more by their number; before that, by their class where it is one and not the one that the
 * method is named by.
 */
#ifndef MEMPROBE_LABEL_H
#define MEMPROBE_LABEL_H

#include <limits.h>

#include "calltree.h"

#define MAX_LABEL_PREFIXES 16

struct label_prefix {
	const char *path; /* a file below it, in the profile's pool */
	size_t length;	  /* of the directory, with the last slash */
	size_t cut;	  /* bytes that `…` stands for */
};

/* Borrows the profile. Needs no freeing. */
struct label_style {
	const struct profile *profile;
	char directory[PATH_MAX]; /* the current one, with a slash at its end; "": none */
	bool full_paths;	  /* of libraries, too */
	struct label_prefix prefixes[MAX_LABEL_PREFIXES];
	size_t nr_prefixes;
};

/* `directory` is an absolute path, NULL: paths are not written as seen from there. */
void label_style_init(struct label_style *ret, const struct profile *profile, const char *directory,
		      bool full_paths);

/* The class of the objects of a row, NULL: it has none, or they are of several. */
const char *label_class(const struct calltree *tree, const struct tree_node *node);

/* The object that the method of a row ran on, NULL: none is known, or there are several. */
const struct object *label_object(const struct calltree *tree, const struct tree_node *node);

/* As the target named it: to be escaped before a terminal sees it. The caller frees it. */
char *label_text(const struct label_style *style, const struct calltree *tree, uint32_t node);

/* The name alone: the qualified one, a module's or a lambda's with its file; of a part of a site
 * with its object. */
char *label_name(const struct label_style *style, const struct calltree *tree, uint32_t node);

/* What label_text has behind the function: the objects that the row's path ran on; "": none are
 * known. */
char *label_objects(const struct calltree *tree, uint32_t node);

/* The same as label_text without the objects that the row's path ran on, and with the place of a
 * method, `Class.f (file.py:LINE)`; of a part of a site, its own object. */
char *label_function(const struct label_style *style, const struct calltree *tree, uint32_t node);

/* A native thread's name. */
const char *label_thread(const struct calltree *tree, const struct tree_node *node);
/* Is the row a thread's? */
bool label_has_thread(const struct tree_node *node);

/* Does a file's name stand for a cell of a notebook, `In [12]`? */
bool label_is_cell(const char *file);

#endif
