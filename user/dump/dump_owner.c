/* SPDX-License-Identifier: BSD-2-Clause */
/* Effective ids, there and back; see dump_owner.h. */
#include "dump_owner.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "memory.h"

#define MAX_GROUPS 65536 /* NGROUPS_MAX */

static const char *name_of(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user ? user->pw_name : NULL;
}

void dump_owner_init(struct dump_owner *ret, uid_t uid, gid_t gid)
{
	const char *name = uid == geteuid() ? NULL : name_of(uid);
	int count = 0;

	*ret = (struct dump_owner){ .uid = uid, .gid = gid, .nr_groups = 1 };
	if (name)
		getgrouplist(name, gid, NULL, &count);
	if (count > 1 && count <= MAX_GROUPS) {
		ret->groups = xcalloc(count, sizeof(*ret->groups));
		ret->nr_groups = count;
		if (getgrouplist(name, gid, ret->groups, &ret->nr_groups) >= 0)
			return;
		free(ret->groups);
		ret->nr_groups = 1;
	}
	ret->groups = xmemdup(&gid, sizeof(gid));
}

void dump_owner_free(struct dump_owner *owner)
{
	free(owner->groups);
	owner->groups = NULL;
}

static int save_self(struct dump_self *self)
{
	int count = getgroups(0, NULL);

	if (count < 0)
		return -errno;
	self->groups = xcalloc(count, sizeof(*self->groups));
	count = getgroups(count, self->groups);
	if (count < 0)
		return -errno;
	self->nr_groups = count;
	return 0;
}

int dump_owner_become(const struct dump_owner *owner, struct dump_self *ret_self)
{
	int err;

	*ret_self = (struct dump_self){ .uid = geteuid(), .gid = getegid(), .nr_groups = -1 };
	if (owner->uid == ret_self->uid)
		return 0;
	err = save_self(ret_self);
	if (err)
		return err;
	/* The groups first: without root's rights they could not be changed. */
	if (setgroups(owner->nr_groups, owner->groups) < 0 || setegid(owner->gid) < 0 ||
	    seteuid(owner->uid) < 0)
		return -errno;
	return 0;
}

int dump_owner_return(struct dump_self *self)
{
	int err = 0;

	if (self->nr_groups >= 0 && (seteuid(self->uid) < 0 || setegid(self->gid) < 0 ||
				     setgroups(self->nr_groups, self->groups) < 0))
		err = -errno;
	free(self->groups);
	self->groups = NULL;
	self->nr_groups = -1;
	return err;
}
