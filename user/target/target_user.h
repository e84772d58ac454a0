/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose rights a file is opened with. What a target names is opened with no more rights than the
 * target itself has: memprobe runs as root, and would else read for a process what that may not.
 */
#ifndef MEMPROBE_TARGET_USER_H
#define MEMPROBE_TARGET_USER_H

#include <stdint.h>
#include <sys/types.h>

/* Groups beyond these are left out: fewer rights than the user has, never more. */
#define TARGET_GROUPS_MAX 64

struct target_user {
	uint32_t uid, gid;
	uint32_t nr_groups; /* supplementary groups, besides gid */
	uint32_t groups[TARGET_GROUPS_MAX];
};

/* The ids that the kernel checks a process's own openings by. -ESRCH; other -errno. */
int target_user_read(pid_t pid, struct target_user *ret);
/* A user by its ids alone, without the groups that the user database gives it. */
struct target_user target_user_of(uint32_t uid, uint32_t gid);
/* Nobody's: for what is named by we do not know whom. */
struct target_user target_user_nobody(void);

/* What we were before. */
struct target_rights {
	uint32_t fsuid, fsgid;
	int nr_groups; /* -1: they were not changed */
	uint32_t *groups;
	uint32_t capabilities[4]; /* effective words, as capget(2) gave them */
	int has_capabilities;
};

/*
 * From here on this thread opens files as the user does. Without the right to become another user
 * it opens as its own, with no capability that passes over file permissions; root does not open
 * as root for somebody else: -EPERM. To be undone, also after an error, by target_user_return.
 */
int target_user_become(const struct target_user *user, struct target_rights *ret_rights);
void target_user_return(struct target_rights *rights);

#endif
