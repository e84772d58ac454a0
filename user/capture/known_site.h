/* SPDX-License-Identifier: BSD-2-Clause */
/* A site that was sent, as the drain keeps it. */
#ifndef MEMPROBE_KNOWN_SITE_H
#define MEMPROBE_KNOWN_SITE_H

#include <stdbool.h>
#include <stdint.h>

struct known_site {
	uint64_t key; /* in the BPF table of sites */
	uint32_t image_id;
	uint32_t site;	     /* in the profile */
	uint32_t version;    /* of CPython, of this code object: the site may have others' */
	uint32_t line_table; /* the same, index of the blob; 0: none, or lines are not asked for */
	bool is_shim;	     /* no function: its nodes are their parents' */
	uint32_t object; /* in the profile: what its nodes ran on, NO_OBJECT: they are split by it
			    or it is not known */
};

#endif
