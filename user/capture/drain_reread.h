/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of code objects that the BPF side could not read. It cannot wait for a page that is absent
 * for it at that moment: swapped out, moved by the kernel, or, on a machine with shadow page tables
 * (a nested guest without EPT), there but not yet for the kernel: in 8 of 100 forked pools one
 * name. The inspecting process is asked for them as soon as the record comes.
 */
#ifndef MEMPROBE_DRAIN_REREAD_H
#define MEMPROBE_DRAIN_REREAD_H

#include "drain_base.h"

struct inspected_code;

/* Of the site's code object, if it is still there: with the record's line and flags. False: not
 * read. The caller clears it; one of its texts may be "". */
bool drain_reread_names(const struct drain_base *base, uint32_t process,
			const struct wire_site *record, struct inspected_code *ret);

#endif
