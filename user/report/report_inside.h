/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in use and what is free inside a process's allocators, in a few lines for people: so that
 * one sees whether memory is in use at all, and what would mend it.
 */
#ifndef MEMPROBE_REPORT_INSIDE_H
#define MEMPROBE_REPORT_INSIDE_H

#include "census.h"
#include "heap_amounts.h"
#include "json_writer.h"
#include "sink.h"

/* `Inside: ...`, and below it how much of RSS that is, what was not read, and what to do. */
void report_inside_write(const struct heap_inside *inside, struct sink *sink);

/* The same as an object's members. */
void report_inside_members(const struct heap_inside *inside, struct json_writer *json);

/* RSS in parts that add up to it, where mappings were read; objects by a census, or NULL. */
void report_parts_write(const struct heap_inside *inside, const struct census *census,
			struct sink *sink);
void report_parts_members(const struct heap_inside *inside, const struct census *census,
			  struct json_writer *json);

#endif
