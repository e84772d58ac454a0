/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who called: under sudo the command runs as the caller and the dump belongs to the caller.
 */
#ifndef MEMPROBE_IDENTITY_H
#define MEMPROBE_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include "target_user.h"

struct identity {
	uid_t uid;
	gid_t gid;
	bool is_other;	   /* another user than the one we run as */
	bool is_by_sudo;   /* somebody called sudo, also with keep_root; root may, too */
	bool is_as_caller; /* and it is that user's */
	uid_t caller_uid;  /* of who called sudo */
	char *name;	   /* NULL when the user database does not know the uid */
	char *home;
	char *shell;
};

/* Reads SUDO_UID and SUDO_GID; without them, or with keep_root, the identity is our own. */
void identity_read(bool keep_root, struct identity *ret);
void identity_free(struct identity *identity);

/* The same for opening files as the user: with the groups of the user database. */
struct target_user identity_user(const struct identity *identity);

/* In a forked child: becomes the identity for good: groups, gid, uid, HOME, USER, LOGNAME.
 * -errno. */
int identity_become(const struct identity *identity);

/* The PATH that a login shell of the identity has; sudo's secure_path hides pyenv, conda and
 * venv. NULL when it cannot be found out. The caller owns it. */
char *identity_login_path(const struct identity *identity);

#endif
