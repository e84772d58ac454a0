/* SPDX-License-Identifier: BSD-2-Clause */
/* Qualified names where the interpreter has none. */
#ifndef MEMPROBE_DRAIN_NAMES_H
#define MEMPROBE_DRAIN_NAMES_H

#include "drain_base.h"

struct drain_names;

struct drain_names *drain_names_new(const struct drain_base *base);
void drain_names_free(struct drain_names *names); /* accepts NULL */

/* Gives the site, which a process has run, its qualified name. */
void drain_names_qualify(struct drain_names *names, uint32_t process, struct site *site);

#endif
