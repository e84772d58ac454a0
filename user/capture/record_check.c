/* SPDX-License-Identifier: BSD-2-Clause */
/* One small function a type; see record_check.h. */
#include "record_check.h"

#include <memprobe/wire_unwind.h>

static bool is_tid(uint32_t tid)
{
	return tid && tid <= RECORD_MAX_TID;
}

/* Ids of a slot are the slot plus a multiple of the number of slots, and never 0. */
static bool is_image(uint32_t image_id)
{
	return image_id >= MAX_IMAGES;
}

static bool is_slot_of(uint32_t slot, uint32_t image_id)
{
	return is_image(image_id) && slot == image_id % MAX_IMAGES;
}

/* A counter of the kernel may be below 0 for a moment, while CPUs keep shares of it. */
static bool are_pages(const __s64 *pages)
{
	for (int kind = 0; kind < NR_KINDS; kind++) {
		if (pages[kind] > RECORD_MAX_PAGES || pages[kind] < -RECORD_MAX_PAGES)
			return false;
	}
	return true;
}

static bool is_layout(uint32_t state, uint32_t layout)
{
	return state <= PYTHON_KNOWN && layout < MAX_LAYOUTS;
}

static bool is_path(const struct wire_image_begin *record)
{
	return !record->path_bytes ||
	       (record->path_bytes <= MAX_EXEC_PATH_BYTES && !record->path[record->path_bytes - 1]);
}

bool record_is_image_begin(const void *data, size_t size)
{
	const struct wire_image_begin *record = data;

	return is_slot_of(record->slot, record->head.image_id) && is_tid(record->tgid) &&
	       record->ppid <= RECORD_MAX_TID && record->reason <= BEGIN_ATTACH &&
	       is_layout(record->layout >> 16, record->layout & 0xffff) &&
	       are_pages(record->opening) && record->args_bytes <= MAX_ARGS_BYTES &&
	       is_path(record);
}

bool record_is_balance(const void *data, size_t size)
{
	const struct wire_balance *record = data;

	return is_slot_of(record->slot, record->head.image_id) && are_pages(record->books) &&
	       are_pages(record->kernel);
}

bool record_is_process_end(const void *data, size_t size)
{
	const struct wire_process_end *record = data;

	return is_tid(record->tgid);
}

bool record_is_main_end(const void *data, size_t size)
{
	const struct wire_main_end *record = data;

	return is_tid(record->tgid) && record->is_exec <= 1;
}

bool record_is_thread_end(const void *data, size_t size)
{
	const struct wire_thread_end *record = data;
	const struct wire_thread *thread = &record->thread;

	return is_image(record->head.image_id) && thread->image_id == record->head.image_id &&
	       is_tid(thread->tid) && thread->growth <= RECORD_MAX_GROWTH &&
	       thread->growth >= -RECORD_MAX_GROWTH;
}

/* CPython has characters of 1, 2 and 4 bytes; the target's memory may say anything. */
static bool is_str(const struct wire_str *str, uint32_t most_bytes)
{
	if (!str->bytes)
		return true;
	return str->bytes <= most_bytes && (str->kind == 1 || str->kind == 2 || str->kind == 4) &&
	       str->bytes % str->kind == 0;
}

bool record_is_site(const void *data, size_t size)
{
	const struct wire_site *record = data;

	if (!is_image(record->head.image_id) || record->kind >= NR_SITE_KINDS ||
	    (record->kind == SITE_PYTHON) != (record->version >> 8 == 3) ||
	    (record->kind == SITE_THREAD && record->code > RECORD_MAX_TID) ||
	    !is_str(&record->filename, MAX_FILENAME_BYTES) ||
	    !is_str(&record->name, MAX_NAME_BYTES) || record->linetable_bytes > MAX_LINETABLE_BYTES)
		return false;
	/* Three numbers of a few KB each: no overflow. */
	return size - sizeof(*record) >=
	       record->filename.bytes + record->name.bytes + record->linetable_bytes;
}

bool record_is_unwind_knock(const void *data, size_t size)
{
	const struct wire_unwind_knock *record = data;

	return is_slot_of(record->slot, record->head.image_id) && is_tid(record->tgid) &&
	       !(record->address >> ADDRESS_BITS);
}

bool record_is_of_image(const void *data, size_t size)
{
	const struct wire_head *head = data;

	return is_image(head->image_id);
}

bool record_is_knock(const void *data, size_t size)
{
	const struct wire_knock *record = data;

	return is_slot_of(record->slot, record->head.image_id) && is_tid(record->tgid) &&
	       record->layout < MAX_LAYOUTS;
}

bool record_is_sample(const void *data, size_t size)
{
	const struct wire_sample *record = data;
	const __s64 pages[NR_KINDS] = { record->rss, record->anon };

	return is_image(record->head.image_id) && are_pages(pages);
}
