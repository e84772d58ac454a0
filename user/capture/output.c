/* SPDX-License-Identifier: BSD-2-Clause */
/* The dump of a capture; see output.h. */
#include "output.h"

#include <errno.h>
#include <string.h>

#include "dump.h"
#include "log.h"
#include "memory.h"

#define DEFAULT_PATH "mem_trace.raw"

struct output {
	char *path;
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
