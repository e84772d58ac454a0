/* SPDX-License-Identifier: BSD-2-Clause */
/* Profiles of one process whose nodes hold or allocate what a series says. */
#ifndef MEMPROBE_HISTORY_FIXTURE_H
#define MEMPROBE_HISTORY_FIXTURE_H

#include "profile_history.h"
#include "profile_leaks.h"

#define MB (1LL << 20)
#define SECOND 1000000000ULL

/* What a node holds at a time, in bytes. */
typedef int64_t history_series(uint64_t time_ns);

/* 10 MB a second; up and down; a KiB a second. */
int64_t history_leaking(uint64_t time);
int64_t history_churning(uint64_t time);
int64_t history_small(uint64_t time);

struct profile *history_profile(uint64_t start_ns);
uint32_t history_node(struct profile *profile);
/* The last look was half a second before. */
struct history_step history_look(uint64_t time_ns);
void history_hold(struct profile *profile, uint32_t node, int64_t bytes, uint64_t time_ns);
/* As a capture does: read twice a second. What a node holds, or a new one holds or allocates. */
void history_play_on(struct profile *profile, uint32_t node, history_series *amount,
		     uint64_t end_ns);
uint32_t history_play(struct profile *profile, history_series *amount, uint64_t end_ns);
uint32_t history_play_allocs(struct profile *profile, history_series *amount, uint64_t end_ns);
size_t history_count_leaks(const struct profile *profile, struct leak *ret_first);

#endif
