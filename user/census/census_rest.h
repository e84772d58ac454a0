/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tracked objects that no root reaches: are they garbage, or does C code hold them? As the
 * collector does it (subtract_refs(), Modules/gcmodule.c), references among them are taken off
 * their counts: what has some left is held from outside, and holds what it refers to.
 */
#ifndef MEMPROBE_CENSUS_REST_H
#define MEMPROBE_CENSUS_REST_H

#include "census_walk.h"

/* Counts all of them, below the root for C code and that for garbage. */
void census_rest_count(struct census_walk *walk);

#endif
