/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File system ids, there and back; see target_user.h. By system calls and not by the C library:
 * these ids are one thread's, and setfsuid(2) tells of a failure only when it is asked again.
 */
#include "target_user.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory.h"
#include "process_status.h"

#define NOBODY 65534
#define ASK ((uint32_t)-1) /* an id that is none changes nothing, and the present one is told */

#define FILE_CAPABILITIES (1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH)

struct target_user target_user_of(uint32_t uid, uint32_t gid)
{
	return (struct target_user){ .uid = uid, .gid = gid };
}

struct target_user target_user_nobody(void)
{
	return target_user_of(NOBODY, NOBODY);
}

static void read_groups(const char *list, struct target_user *user)
{
	int used = 0;

	for (; user->nr_groups < TARGET_GROUPS_MAX &&
	       sscanf(list, "%u%n", &user->groups[user->nr_groups], &used) == 1;
	     list += used)
		user->nr_groups++;
}

/* Of users and groups the real, effective, saved and file system id stand in a line. */
int target_user_read(pid_t pid, struct target_user *ret)
{
	_cleanup_(freep) char *status = NULL;
	struct target_user user = { 0 };
	int error = process_status_read(pid, &status);

	if (error)
		return error == -ENOENT ? -ESRCH : error;
	if (sscanf(process_status_field(status, "Uid"), "%*u%*u%*u%u", &user.uid) != 1 ||
	    sscanf(process_status_field(status, "Gid"), "%*u%*u%*u%u", &user.gid) != 1)
		return -ESRCH;
	read_groups(process_status_field(status, "Groups"), &user);
	*ret = user;
	return 0;
}

static uint32_t set_fsuid(uint32_t uid)
{
	return (uint32_t)syscall(SYS_setfsuid, uid);
}

static uint32_t set_fsgid(uint32_t gid)
{
	return (uint32_t)syscall(SYS_setfsgid, gid);
}

static int save(struct target_rights *rights)
{
	int count = (int)syscall(SYS_getgroups, 0, NULL);

	*rights = (struct target_rights){
		.fsuid = set_fsuid(ASK),
		.fsgid = set_fsgid(ASK),
		.nr_groups = -1,
	};
	if (count < 0)
		return -errno;
	rights->groups = xcalloc(count + 1, sizeof(*rights->groups));
	if (syscall(SYS_getgroups, count, rights->groups) != count)
		return -errno;
	return count;
}

static struct __user_cap_header_struct own_header(void)
{
	return (struct __user_cap_header_struct){ .version = _LINUX_CAPABILITY_VERSION_3 };
}

/* From uid 0 to another the kernel takes these away by itself, and gives them back. */
static int drop_file_capabilities(struct target_rights *rights)
{
	struct __user_cap_header_struct header = own_header();
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &header, data))
		return -errno;
	if (!(data[0].effective & FILE_CAPABILITIES))
		return 0;
	rights->capabilities[0] = data[0].effective;
	rights->capabilities[1] = data[1].effective;
	rights->has_capabilities = 1;
	data[0].effective &= ~FILE_CAPABILITIES;
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static void restore_file_capabilities(const struct target_rights *rights)
{
	struct __user_cap_header_struct header = own_header();
	struct __user_cap_data_struct data[2] = { 0 };

	if (!rights->has_capabilities || syscall(SYS_capget, &header, data))
		return;
	data[0].effective = rights->capabilities[0];
	data[1].effective = rights->capabilities[1];
	syscall(SYS_capset, &header, data);
}

static void restore_ids(struct target_rights *rights)
{
	set_fsuid(rights->fsuid);
	set_fsgid(rights->fsgid);
	if (rights->nr_groups >= 0)
		syscall(SYS_setgroups, rights->nr_groups, rights->groups);
	rights->nr_groups = -1;
}

static int become(const struct target_user *user, struct target_rights *rights, int nr_groups)
{
	if (!syscall(SYS_setgroups, user->nr_groups, user->groups))
		rights->nr_groups = nr_groups;
	set_fsgid(user->gid);
	set_fsuid(user->uid);
	if (rights->nr_groups >= 0 && set_fsgid(ASK) == user->gid && set_fsuid(ASK) == user->uid)
		return 0;
	/* All of it or nothing: our own rights are those of the user who called, unless root's. */
	restore_ids(rights);
	return rights->fsuid ? 0 : -EPERM;
}

int target_user_become(const struct target_user *user, struct target_rights *ret_rights)
{
	int nr_groups = save(ret_rights), err;

	if (nr_groups < 0)
		return nr_groups;
	/* Root's own: the groups say nothing. */
	if (!user->uid && !ret_rights->fsuid)
		return 0;
	err = become(user, ret_rights, nr_groups);
	return err || !user->uid ? err : drop_file_capabilities(ret_rights);
}

void target_user_return(struct target_rights *rights)
{
	restore_ids(rights);
	restore_file_capabilities(rights);
	free(rights->groups);
	rights->groups = NULL;
}
