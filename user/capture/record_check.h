/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a ring buffer record what the BPF side could have sent? Records carry what a target chose
 * (sizes and kinds of its strings, line numbers, names), so that the handlers of drain.c may
 * use a record's numbers only after this. Texts are no matter of soundness: they are escaped
 * where they are shown.
 */
#ifndef MEMPROBE_RECORD_CHECK_H
#define MEMPROBE_RECORD_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <memprobe/wire.h>

/* Twice as many as Linux has (PID_MAX_LIMIT), so that no kernel's ids are refused. */
#define RECORD_MAX_TID (1U << 23)

/* Pages that can be resident at once: 2^52 bytes are all that x86-64 can address physically. */
#define RECORD_MAX_PAGES (1LL << 40)

/* Pages that a thread can have taken in its life: 2^58 bytes are 9 years at 1 GB/s. */
#define RECORD_MAX_GROWTH (1LL << 46)

/*
 * `record` has `size` bytes, aligned to 8, at least as many as its type says. True: the bytes that
 * follow its fixed part are all there, and every number is within what its field can be.
 */
bool record_is_image_begin(const void *record, size_t size);
bool record_is_balance(const void *record, size_t size); /* the end of an image too */
bool record_is_main_end(const void *data, size_t size);
bool record_is_process_end(const void *record, size_t size);
bool record_is_thread_end(const void *record, size_t size);
bool record_is_site(const void *record, size_t size);
bool record_is_unwind_knock(const void *record, size_t size);
bool record_is_of_image(const void *record, size_t size); /* objects and splits */
bool record_is_knock(const void *record, size_t size);	  /* and what else names an image */
bool record_is_sample(const void *record, size_t size);

#endif
