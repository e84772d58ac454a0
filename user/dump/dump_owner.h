/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Working on files as another user. memprobe runs as root and writes into directories of the user
 * who called it; whatever it opens, renames or removes there it does with that user's rights, so
 * that a link planted by the user leads root nowhere.
 */
#ifndef MEMPROBE_DUMP_OWNER_H
#define MEMPROBE_DUMP_OWNER_H

#include <sys/types.h>

/* Owns its groups: dump_owner_free. */
struct dump_owner {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* all that the user database gives the user; at least gid */
	int nr_groups;
};

void dump_owner_init(struct dump_owner *ret, uid_t uid, gid_t gid);
void dump_owner_free(struct dump_owner *owner);

/* Who we were before. */
struct dump_self {
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int nr_groups; /* -1: nothing was changed */
};

/* Takes on the effective ids and groups of the owner; nothing to do when they are ours. To be
 * undone by dump_owner_return, also when it fails. */
int dump_owner_become(const struct dump_owner *owner, struct dump_self *ret_self);
int dump_owner_return(struct dump_self *self);

#endif
