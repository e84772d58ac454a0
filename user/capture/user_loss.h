/* SPDX-License-Identifier: BSD-2-Clause */
/* Losses that user space has found out; the BPF side counts none of their kind. */
#ifndef MEMPROBE_USER_LOSS_H
#define MEMPROBE_USER_LOSS_H

#include "profile.h"

static inline void user_loss_add(struct profile *profile, uint32_t process, enum wire_loss loss,
				 int events)
{
	profile->processes[process].losses[loss].events += events;
	profile->processes[process].is_dirty = true;
}

/* It has turned out to be none. */
static inline void user_loss_clear(struct profile *profile, uint32_t process, enum wire_loss loss)
{
	user_loss_add(profile, process, loss,
		      -(int)profile->processes[process].losses[loss].events);
}

#endif
