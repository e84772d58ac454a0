/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an inspecting process can be asked: a table of kinds, each with its handler and its limits.
 */
#ifndef MEMPROBE_INSPECT_SERVICE_H
#define MEMPROBE_INSPECT_SERVICE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a handler gives back: `size` bytes of `bytes`, which have room for `capacity`. */
struct inspect_reply {
	int status; /* 0 or -errno */
	uint8_t *bytes;
	size_t size, capacity;
	int fd; /* goes to who asked, -1: none; closed here afterwards */
};

struct inspect_kind {
	const char *what; /* what is missing when it is no longer asked for, in the plural */
	size_t request_bytes, answer_bytes; /* the most */
	/* `request` has `size` bytes and can be trusted: it comes from our own process. */
	void (*handle)(void *state, const void *request, size_t size, struct inspect_reply *reply);
	/* What an answer may compute while somebody waits for us to end; 0: as all others. */
	unsigned long urgent_cpu_ms;
	/* The same while nobody does. */
	unsigned long cpu_ms;
};

struct inspect_service {
	const struct inspect_kind *kinds;
	size_t nr_kinds;
	void *(*new_state)(void); /* of one process; never freed, it ends with the process */
};

#endif
