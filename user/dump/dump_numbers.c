/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers by id and ids by number; see dump_numbers.h. */
#include "dump_numbers.h"

#include <string.h>

#include "memory.h"

void dump_numbers_free(struct dump_numbers *numbers)
{
	free(numbers->by_id);
	free(numbers->ids);
	*numbers = (struct dump_numbers){ 0 };
}

uint32_t dump_numbers_get(const struct dump_numbers *numbers, uint32_t id)
{
	return id < numbers->nr_ids ? numbers->by_id[id] - 1 : NO_NUMBER;
}

static void reserve_id(struct dump_numbers *numbers, uint32_t id)
{
	size_t wanted = (size_t)id + 1;

	if (wanted <= numbers->nr_ids)
		return;
	numbers->by_id = array_reserve(numbers->by_id, &numbers->ids_capacity, wanted,
				       sizeof(*numbers->by_id));
	memset(numbers->by_id + numbers->nr_ids, 0,
	       (wanted - numbers->nr_ids) * sizeof(*numbers->by_id));
	numbers->nr_ids = wanted;
}

void dump_numbers_add(struct dump_numbers *numbers, uint32_t id)
{
	reserve_id(numbers, id);
	if (numbers->by_id[id])
		return;
	numbers->ids = array_reserve(numbers->ids, &numbers->capacity, numbers->count + 1,
				     sizeof(*numbers->ids));
	numbers->ids[numbers->count++] = id;
	numbers->by_id[id] = (uint32_t)numbers->count;
}

void dump_numbers_forget(struct dump_numbers *numbers)
{
	while (numbers->count > numbers->nr_written)
		numbers->by_id[numbers->ids[--numbers->count]] = 0;
}
