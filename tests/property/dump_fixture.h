/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the dump library share: profiles to write, comparing two of them, scratch
 * directories, and files put together by hand.
 */
#ifndef MEMPROBE_DUMP_FIXTURE_H
#define MEMPROBE_DUMP_FIXTURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "packed_bytes.h"
#include "profile.h"

/* The first difference between what two profiles hold, however it is numbered; nodes that hold
 * nothing, what nobody names, is_complete and dirty marks apart. NULL when there is none. Owned by
 * the caller. */
char *dump_fixture_difference(const struct profile *a, const struct profile *b);

/* A profile by hand, with something of everything. */
struct profile *dump_fixture_profile(void);

/* A small generator of random numbers: the same from the same seed everywhere. */
uint64_t dump_fixture_random(uint64_t *state);
uint64_t dump_fixture_below(uint64_t *state, uint64_t limit);
/* Lets a profile grow and change as a capture would, by about `amount` things. */
void dump_fixture_grow(struct profile *profile, uint64_t *state, unsigned int amount);

/* A new directory, to be given to dump_fixture_remove. */
char *dump_fixture_directory(void);
void dump_fixture_remove(char *directory);
/* Names in a directory. */
size_t dump_fixture_count(const char *directory);

/* A file's bytes; ends the program when that fails. Owned by the caller. */
struct packed_bytes dump_fixture_load(const char *path);
void dump_fixture_store(const char *path, const void *bytes, size_t size);

/* Appends a header, and a block with a right checksum, to a file put together by hand. */
void dump_fixture_put_header(struct packed_bytes *file, uint64_t closed_bytes);
void dump_fixture_put_block(struct packed_bytes *file, unsigned int type, unsigned int version,
			    const struct packed_bytes *payload);
void dump_fixture_put_section(struct packed_bytes *payload, uint64_t tag,
			      const struct packed_bytes *records);

/* Reads a file from its bytes: dump_read_fd on a copy in memory. */
struct dump_error;
int dump_fixture_read(const void *bytes, size_t size, struct profile **ret_profile,
		      struct dump_error *ret_error);

#endif
