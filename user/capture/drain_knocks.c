/* SPDX-License-Identifier: BSD-2-Clause */
/* See drain_knocks.h. */
#include "drain_knocks.h"

void drain_knocks_begin(const struct drain_base *base, const struct wire_image_begin *record,
			uint32_t process)
{
	uint32_t state = record->layout >> 16, layout = record->layout & 0xffff;

	DRAIN_TELL(&base->listeners, image_begun, process);
	if (state == PYTHON_KNOWN)
		DRAIN_TELL(&base->listeners, python_found, process, layout);
	else if (state == PYTHON_UNKNOWN && record->reason == BEGIN_EXEC)
		DRAIN_TELL(&base->listeners, program_unknown, process, record);
	else if (state == PYTHON_UNKNOWN)
		DRAIN_TELL(&base->listeners, unknown_python, record->slot, record->head.image_id,
			   record->tgid);
	DRAIN_TELL(&base->listeners, image_asked, process);
	if (record->reason == BEGIN_ATTACH)
		DRAIN_TELL(&base->listeners, attached, record->tgid);
}

void drain_knocks_take(const struct drain_base *base, const struct drain_images *images,
		       const struct wire_knock *record)
{
	const struct image_slot *slot = drain_images_find(images, record->head.image_id);

	if (slot && slot->state == SLOT_LIVE)
		DRAIN_TELL(&base->listeners, unknown_python, record->slot, record->head.image_id,
			   record->tgid);
}

void drain_knocks_python_found(const struct drain_base *base, const struct drain_images *images,
			       const struct wire_knock *record)
{
	const struct image_slot *slot = drain_images_find(images, record->head.image_id);

	if (slot)
		DRAIN_TELL(&base->listeners, python_found, slot->process, record->layout);
}

void drain_knocks_watch(const struct drain_base *base, const struct drain_images *images,
			const struct wire_knock *record)
{
	const struct image_slot *slot = drain_images_find(images, record->head.image_id);

	if (slot && slot->state == SLOT_LIVE)
		DRAIN_TELL(&base->listeners, watch_wanted, slot->process, record->layout);
}

void drain_knocks_calls_over(const struct drain_base *base, const struct drain_images *images,
			     const struct wire_knock *record)
{
	const struct image_slot *slot = drain_images_find(images, record->head.image_id);

	if (slot)
		DRAIN_TELL(&base->listeners, calls_over, slot->process);
}
