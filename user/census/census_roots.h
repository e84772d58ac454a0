/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a Python's own code holds objects: names in modules, attributes of the classes there. Each
 * is a root of its own, so that what holds memory has the name that the program gave it.
 */
#ifndef MEMPROBE_CENSUS_ROOTS_H
#define MEMPROBE_CENSUS_ROOTS_H

#include "census_walk.h"

/* Puts what the modules of an interpreter hold, by its dict of modules, in the walk's queue. */
void census_roots_put_modules(struct census_walk *walk, uint64_t modules);

#endif
