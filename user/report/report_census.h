/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which Python objects a process has and who holds them, for people and for programs. All names in
 * a census are the target's: they are escaped.
 */
#ifndef MEMPROBE_REPORT_CENSUS_H
#define MEMPROBE_REPORT_CENSUS_H

#include "census.h"
#include "census_diff.h"
#include "json_writer.h"
#include "sink.h"

/* `Objects: ...`, its types, its tree of holders, the largest, and whether gc.collect() helps. */
void report_census_write(const struct census *census, struct sink *sink);
/* The same as an object's members. */
void report_census_members(const struct census *census, struct json_writer *json);

/* What grew from one census to another. */
void report_census_diff_write(const struct census_diff *diff, struct sink *sink);
void report_census_diff_members(const struct census_diff *diff, struct json_writer *json);

/* How a row of the tree is called, where its kind says more than its name. "" otherwise. */
const char *report_census_kind(enum census_holder_kind kind);

#endif
