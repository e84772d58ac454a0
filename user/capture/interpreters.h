/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells the BPF side where the interpreter of an image is: layouts by file, load addresses by
 * image. Finding them is target's work.
 */
#ifndef MEMPROBE_INTERPRETERS_H
#define MEMPROBE_INTERPRETERS_H

#include "loader.h"
#include "profile.h"

struct interpreters;

struct interpreters *interpreters_new(struct loader *loader);
void interpreters_free(struct interpreters *interpreters);

/* Before the command runs: inspects what its exec will lead to. */
void interpreters_foresee(struct interpreters *interpreters, const char *path,
			  const char *path_variable);

/* Looks for an image's interpreter and passes it on. Returns the version text ("3.11.2"), also of
 * one that cannot be walked; NULL when there is none (yet). *ret_reason: why it cannot be walked,
 * or NULL. Both live as long as the interpreters. */
const char *interpreters_resolve(struct interpreters *interpreters, uint32_t slot,
				 uint32_t image_id, uint32_t tgid, const char **ret_reason);

/* Version text of a layout index that the BPF side resolved. */
const char *interpreters_version(const struct interpreters *interpreters, uint32_t layout);

#endif
