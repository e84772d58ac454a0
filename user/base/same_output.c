/* SPDX-License-Identifier: BSD-2-Clause */
/* See same_output.h. */
#include "same_output.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beside.h"
#include "memory.h"
#include "stream.h"

static bool is_one_file(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

static bool is_one_name(const char *one, const char *other)
{
	_cleanup_(freep) char *one_head = NULL, *one_name = NULL;
	_cleanup_(freep) char *other_head = NULL, *other_name = NULL;
	_cleanup_(closep) int one_directory = -1, other_directory = -1;
	struct stat one_status, other_status;

	if (beside_directory(one, &one_directory, &one_head, &one_name) ||
	    beside_directory(other, &other_directory, &other_head, &other_name) ||
	    fstat(one_directory, &one_status) || fstat(other_directory, &other_status))
		return false;
	return is_one_file(&one_status, &other_status) && !strcmp(one_name, other_name);
}

bool same_output(const char *one, const char *other)
{
	struct stat one_status, other_status;

	if (!stream_stat(one, &one_status) && !stream_stat(other, &other_status)) {
		if (is_one_file(&one_status, &other_status))
			return !stream_is_null(&one_status);
	}
	return !strcmp(one, other) || is_one_name(one, other);
}
