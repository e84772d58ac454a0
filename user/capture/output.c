/* SPDX-License-Identifier: BSD-2-Clause */
/* The dump of a capture; see output.h. */
#include "output.h"

#include <errno.h>
#include <string.h>

#include "dump.h"
#include "log.h"
#include "memory.h"

#define DEFAULT_PATH "mem_trace.raw"

#define MAX_SNAPSHOTS 99999

struct output {
	char *path;
	uid_t uid;
	gid_t gid;
	struct dump_writer *writer;
	bool has_failed; /* the last flush did; said once */
};

static void refuse(const char *path, int error)
{
	if (error == -EEXIST) {
		log_error("cannot create '%s': it exists already", path);
		log_hint("-f replaces it, -o FILE writes elsewhere");
	} else if (error == -ELOOP) {
		log_error("cannot create '%s': it is a symbolic link", path);
		log_hint("-f replaces the link, it is never followed");
	} else {
		log_error("cannot create '%s': %s", path, strerror(-error));
		log_hint("-o FILE writes elsewhere");
	}
}

int output_open(const char *path, bool force, const struct identity *identity, struct output **ret)
{
	struct dump_create create = {
		.path = path ? path : DEFAULT_PATH,
		.force = force,
		.uid = identity->uid,
		.gid = identity->gid,
	};
	struct dump_writer *writer;
	int error = 0;

	if (!path && !force)
		error = dump_rotate(create.path, identity->uid, identity->gid);
	if (!error)
		error = dump_create(&create, &writer);
	if (error) {
		refuse(create.path, error);
		return error;
	}
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->path = xstrdup(create.path);
	(*ret)->uid = identity->uid;
	(*ret)->gid = identity->gid;
	(*ret)->writer = writer;
	return 0;
}

void output_flush(struct output *output, struct profile *profile)
{
	int error = dump_flush(output->writer, profile);

	if (error && !output->has_failed) {
		log_warning("cannot write '%s': %s, trying again at every flush", output->path,
			    strerror(-error));
	}
	output->has_failed = error;
}

void output_snapshot(const struct output *output, const struct profile *profile)
{
	int error = -EEXIST;

	for (int number = 1; error == -EEXIST && number <= MAX_SNAPSHOTS; number++) {
		_cleanup_(freep) char *path = xasprintf("%s.%d", output->path, number);
		const struct dump_create create = {
			.path = path,
			.uid = output->uid,
			.gid = output->gid,
		};

		error = dump_snapshot(&create, profile);
		if (!error)
			log_note("snapshot '%s'", path);
		else if (error != -EEXIST)
			log_warning("cannot write '%s': %s", path, strerror(-error));
	}
	if (error == -EEXIST)
		log_warning("cannot write '%s.N': %d snapshots are there", output->path,
			    MAX_SNAPSHOTS);
}

static void output_free(struct output *output)
{
	free(output->path);
	free(output);
}

int output_close(struct output *output, struct profile *profile)
{
	int error = dump_close(output->writer, profile);

	if (error) {
		log_error("cannot write '%s': %s", output->path, strerror(-error));
		log_hint("what was written before is readable and marked incomplete");
	}
	output_free(output);
	return error;
}

void output_abandon(struct output *output)
{
	dump_abandon(output->writer);
	output_free(output);
}

void output_discard(struct output *output)
{
	if (!output)
		return;
	dump_discard(output->writer);
	output_free(output);
}
