/* SPDX-License-Identifier: BSD-2-Clause */
/* See drain_shares.h. */
#include "drain_shares.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "user_loss.h"

#define PARTS_OF_POOL 16

void drain_shares_init(struct drain_shares *shares, int64_t whole)
{
	*shares = (struct drain_shares){
		.each = whole / 2 / PROFILE_MAX_PROCESSES,
		.pool = whole / 2,
	};
}

void drain_shares_free(struct drain_shares *shares)
{
	free(shares->taken);
}

static int64_t *taken_of(struct drain_shares *shares, uint32_t process)
{
	if (process >= shares->count) {
		shares->taken = array_reserve(shares->taken, &shares->capacity, (size_t)process + 1,
					      sizeof(*shares->taken));
		memset(&shares->taken[shares->count], 0,
		       (process + 1 - shares->count) * sizeof(*shares->taken));
		shares->count = (size_t)process + 1;
	}
	return &shares->taken[process];
}

static int64_t beyond_own(const struct drain_shares *shares, int64_t taken)
{
	return taken > shares->each ? taken - shares->each : 0;
}

bool drain_shares_take(struct drain_shares *shares, uint32_t process, int64_t before, int64_t after)
{
	int64_t *taken = taken_of(shares, process);
	int64_t had = beyond_own(shares, *taken);
	int64_t wanted = beyond_own(shares, *taken - before + after);

	if (wanted > had && wanted > (shares->pool + had) / PARTS_OF_POOL)
		return false;
	shares->pool += had - wanted;
	*taken += after - before;
	return true;
}

void drain_shares_refuse(struct profile *profile, uint32_t process)
{
	if (!profile->processes[process].losses[LOSS_record_refused].events)
		user_loss_add(profile, process, LOSS_record_refused, 1);
}
