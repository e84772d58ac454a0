/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the BPF side's ring buffer. libbpf's reader has all of the ring mapped, twice, and what is
 * mapped counts as memory of memprobe: 16 MB; this one maps what is to be read, while it reads.
 */
#ifndef MEMPROBE_RING_READER_H
#define MEMPROBE_RING_READER_H

#include <stddef.h>

struct ring_reader;

/* The record lies in the ring, and is gone when this returns. */
typedef void ring_reader_take(void *context, const void *record, size_t size);

/* `fd` is the map, with so many bytes: a power of two of pages. 0 or -errno. */
int ring_reader_new(int fd, size_t bytes, struct ring_reader **ret);
void ring_reader_free(struct ring_reader *reader); /* accepts NULL */

/* Readable once the BPF side wants its records read; -errno. The reader's own. */
int ring_reader_fd(struct ring_reader *reader);

/* Takes all records that are complete, in order. 0 or -errno. */
int ring_reader_read(struct ring_reader *reader, ring_reader_take *take, void *context);

#endif
