/* SPDX-License-Identifier: BSD-2-Clause */
/* Records that ask something of user space, or only tell it: passed on to those who listen. */
#ifndef MEMPROBE_DRAIN_KNOCKS_H
#define MEMPROBE_DRAIN_KNOCKS_H

#include "drain_base.h"
#include "drain_images.h"

/* A process entry is new: is its Python known, or to be looked for? */
void drain_knocks_begin(const struct drain_base *base, const struct wire_image_begin *record,
			uint32_t process);
/* An image whose Python is unknown has had so many events that it is worth a look. */
void drain_knocks_take(const struct drain_base *base, const struct drain_images *images,
		       const struct wire_knock *record);
void drain_knocks_python_found(const struct drain_base *base, const struct drain_images *images,
			       const struct wire_knock *record);
/* An image's walks are dear because nobody sees its code objects end. */
void drain_knocks_watch(const struct drain_base *base, const struct drain_images *images,
			const struct wire_knock *record);
void drain_knocks_calls_over(const struct drain_base *base, const struct drain_images *images,
			     const struct wire_knock *record);

#endif
