/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file of code belongs to, by its path alone: no file is looked for. */
#ifndef MEMPROBE_CODE_PATH_H
#define MEMPROBE_CODE_PATH_H

#include <stddef.h>

enum code_origin {
	CODE_OWN,	/* the program's, or of a folder of somebody's */
	CODE_STANDARD,	/* the standard library, frozen modules too */
	CODE_INSTALLED, /* below site-packages or dist-packages */
	CODE_MADE,	/* compiled from a text at run time: `<string>` */
};

enum code_origin code_path_origin(const char *path);

/* The slash before the last part of an installation's directory, `/site-packages` or `/python3.11`;
 * NULL: the path is below none. */
const char *code_path_installation(const char *path);

/* How many bytes of a path are its folder, without the last slash. */
size_t code_path_folder(const char *path);

/* `numpy.lib.shape_base`; an own file is named as seen from `folder`, or by its path where it is
 * not below it. The caller frees it. */
char *code_path_module(const char *path, const char *folder);

/* `numpy`, `standard library`, or the folder of own files. The caller frees it. */
char *code_path_package(const char *path, const char *folder);

#endif
