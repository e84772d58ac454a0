/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images by slot, and the process entries that they stand for: from the records of their begin,
 * samples, balance and end. An image is one address space, from exec or fork to exec or exit.
 */
#ifndef MEMPROBE_DRAIN_IMAGES_H
#define MEMPROBE_DRAIN_IMAGES_H

#include "drain_base.h"

enum slot_state { SLOT_EMPTY, SLOT_LIVE, SLOT_ENDED };

/* An image by its slot, which is not used again before we give it back. */
struct image_slot {
	uint32_t image_id;
	uint32_t process; /* index in the profile */
	enum slot_state state;
	bool is_read; /* ended, and its nodes have been read since */
	bool has_balance;
	uint32_t loss_events[NR_IMAGE_LOSSES]; /* of the image, as last read */
	uint32_t loss_pages[NR_IMAGE_LOSSES];
	uint32_t loss_released[NR_IMAGE_LOSSES];
	uint32_t nr_paths;		  /* of Python, that have been read */
	int64_t peak;			  /* highest RSS of which the time is known, bytes */
	bool is_peak_new;		  /* it is a sample's that came since the last flush */
	__s64 read_books[NR_KINDS];	  /* the image's, as last read, pages */
	int64_t balance_books[NR_KINDS];  /* bytes */
	int64_t balance_kernel[NR_KINDS]; /* bytes */
};

struct drain_images;

struct drain_images *drain_images_new(const struct drain_base *base);
void drain_images_free(struct drain_images *images); /* accepts NULL */

/* ---- Records ---- */

/* The new process entry, NO_PROCESS: its slot is in use, the record is refused. */
uint32_t drain_images_begin(struct drain_images *images, const struct wire_image_begin *record);
void drain_images_end(struct drain_images *images, const struct wire_balance *record);
void drain_images_balance(struct drain_images *images, const struct wire_balance *record);
void drain_images_sample(struct drain_images *images, const struct wire_sample *record);
void drain_images_process_end(struct drain_images *images, const struct wire_process_end *record);

/* The kernel's last word on an image, where the record of its end was lost. */
void drain_images_close(struct drain_images *images, struct image_slot *slot,
			const __s64 *kernel_pages, uint64_t clock_ns);

/* When the highest RSS was, of which samples tell to 1 MiB. At every flush. */
void drain_images_note_peak(struct drain_images *images, struct image_slot *slot,
			    const struct wire_image *image);

/* ---- Looking up ---- */

/* NULL: unknown, or given back by now. */
struct image_slot *drain_images_find(const struct drain_images *images, uint32_t image_id);
/* By slot, below drain_images_count(). */
struct image_slot *drain_images_at(const struct drain_images *images, uint32_t slot);
uint32_t drain_images_count(const struct drain_images *images);
/* The image of a process entry that is alive, 0: it is not. */
uint32_t drain_images_of(const struct drain_images *images, uint32_t process);
bool drain_images_is_any_live(const struct drain_images *images);
/* Has the image ended and been read to the last? One that user space has not met yet has not: ids
 * of a slot only rise. */
bool drain_images_is_past(const struct drain_images *images, uint32_t image_id);

/* A main thread has ended, and its process has not. */
void drain_images_main_end(struct drain_images *images, const struct wire_main_end *record);

/* ---- Giving back ---- */

/* Is there an image that is past, and not given back? */
bool drain_images_is_any_past(const struct drain_images *images);
/* Gives back the slots of all that are past. */
void drain_images_release(struct drain_images *images);
/* What has ended by now has been read. */
void drain_images_mark_read(struct drain_images *images);

#endif
