/* SPDX-License-Identifier: BSD-2-Clause */
/* See unwind_queue.h. Some tens wait at most, so it is looked through. */
#include "unwind_queue.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

static size_t find(const struct unwind_queue *queue, const struct wire_file *file)
{
	size_t i = 0;

	while (i < queue->count && !unwind_is_same_file(&queue->all[i].file, file))
		i++;
	return i;
}

static void take_out(struct unwind_queue *queue, size_t index)
{
	queue->nr_others -= queue->all[index].is_other;
	queue->count--;
	memmove(&queue->all[index], &queue->all[index + 1],
		(queue->count - index) * sizeof(*queue->all));
}

void unwind_queue_add(struct unwind_queue *queue, const struct unwind_wanted *wanted)
{
	size_t there = find(queue, &wanted->file);

	if (there < queue->count) {
		if (wanted->is_other ||
		    (!queue->all[there].is_other &&
		     queue->all[there].file.changed_ns == wanted->file.changed_ns))
			return;
		take_out(queue, there);
	}
	if (wanted->is_other && queue->nr_others == MAX_UNWIND_OTHERS)
		return;
	queue->all = array_reserve(queue->all, &queue->capacity, queue->count + 1,
				   sizeof(*queue->all));
	queue->all[queue->count++] = *wanted;
	queue->nr_others += wanted->is_other;
}

static bool is_before(const struct unwind_wanted *one, const struct unwind_wanted *other)
{
	if (one->is_other != other->is_other)
		return other->is_other;
	return one->bytes < other->bytes;
}

bool unwind_queue_take(struct unwind_queue *queue, struct unwind_wanted *ret)
{
	size_t next = 0;

	if (!queue->count)
		return false;
	for (size_t i = 1; i < queue->count; i++)
		if (is_before(&queue->all[i], &queue->all[next]))
			next = i;
	*ret = queue->all[next];
	take_out(queue, next);
	return true;
}

void unwind_queue_clear(struct unwind_queue *queue)
{
	free(queue->all);
	*queue = (struct unwind_queue){ 0 };
}
