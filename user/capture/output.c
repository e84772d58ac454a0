/* SPDX-License-Identifier: BSD-2-Clause */
/* The dump of a capture; see output.h. */
#include "output.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump.h"
#include "log.h"
#include "memory.h"

#define DEFAULT_PATH "mem_trace.raw"
#define OTHER_FOLDER "/tmp"

struct output {
	char *path;
	uid_t uid;
	gid_t gid;
	struct dump_writer *writer;
	bool has_failed; /* the last flush did; said once */
};

/* ---- What cannot be opened ---- */

/* The name of whoever owns what stands there, NULL: it is uid's, or cannot be asked. */
static char *other_owner(const char *path, uid_t uid)
{
	const struct passwd *user;
	struct stat status;

	if (lstat(path, &status) < 0 || status.st_uid == uid)
		return NULL;
	user = getpwuid(status.st_uid);
	return user ? xstrdup(user->pw_name) : xasprintf("user %u", status.st_uid);
}

static void refuse_existing(const char *path, bool is_default, const char *owner)
{
	if (owner)
		log_error("cannot create '%s': it exists already and belongs to %s", path, owner);
	else if (is_default)
		log_error("cannot create '%s': it exists already and is no dump of memprobe's",
			  path);
	else
		log_error("cannot create '%s': it exists already", path);
	log_hint("-f replaces it, -o FILE writes elsewhere");
}

static void refuse_unmovable(const char *path, const char *owner)
{
	if (owner)
		log_error("cannot replace '%s': it belongs to %s, and its directory is sticky",
			  path, owner);
	else
		log_error("cannot replace '%s': it is immutable or append-only", path);
	log_hint("-o FILE writes elsewhere");
}

/* Causes that need words of their own. */
static bool refuse_known(const char *path, int error)
{
	static const struct {
		int error;
		const char *cause, *hint;
	} causes[] = {
		{ ELOOP, "it is a symbolic link", "-f replaces the link, it is never followed" },
		{ ENOTEMPTY, "there is a '" DEFAULT_PATH ".old' that is no dump of yours",
		  "-f replaces it, -o FILE writes elsewhere" },
		{ EBUSY, "something is mounted on it", "-o FILE writes elsewhere" },
		{ EINVAL, "it is a device or a socket", "-o FILE writes elsewhere" },
		{ ENOTTY, "a dump is no text for a terminal", "-o FILE, or > FILE" },
		{ EFBIG, "it would be larger than files may be", "ulimit -f limits them" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		if (causes[i].error != -error)
			continue;
		log_error("cannot create '%s': %s", path, causes[i].cause);
		log_hint("%s", causes[i].hint);
		return true;
	}
	return false;
}

static void refuse(const char *path, const struct output_options *options, int error)
{
	_cleanup_(freep) char *owner = other_owner(path, options->identity->uid);

	if (error == -EEXIST) {
		refuse_existing(path, !options->path, owner);
	} else if (error == -EPERM && options->force) {
		refuse_unmovable(path, owner);
	} else if (!refuse_known(path, error)) {
		log_error("cannot create '%s': %s", path, strerror(-error));
		log_hint("-o FILE writes elsewhere");
	}
}

static void remove_unfinished(void *context)
{
	const struct output *output = context;

	dump_remove_unfinished(output->writer);
}

int output_open(const struct output_options *options, struct output **ret)
{
	_cleanup_(freep) char *path = name_pattern_fill(
		options->path ? options->path : DEFAULT_PATH, &options->values);
	const char *shown = strcmp(path, "-") ? path : "standard output";
	const struct identity *identity = options->identity;
	const struct dump_create create = {
		.path = path,
		.force = options->force,
		.uid = identity->uid,
		.gid = identity->gid,
	};
	struct dump_writer *writer;
	int error = 0;

	if (!options->path && !options->force)
		error = dump_rotate(path, identity->uid, identity->gid);
	if (!error)
		error = dump_create(&create, &writer);
	if (error) {
		refuse(shown, options, error);
		return error;
	}
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->path = xstrdup(shown);
	(*ret)->uid = identity->uid;
	(*ret)->gid = identity->gid;
	(*ret)->writer = writer;
	memory_set_last(remove_unfinished, *ret);
	return 0;
}

/* ---- While the capture runs ---- */

/* The file that waits for its name, as a path as far as that is known; NULL: there is none. */
static char *waiting_path(const struct output *output)
{
	const char *name = dump_waiting(output->writer);
	char *path = name ? dump_path(output->writer) : NULL;

	return name && !path ? xasprintf(".../%s", name) : path;
}

static void warn_failed(const struct output *output, int error)
{
	_cleanup_(freep) char *waiting = waiting_path(output);

	if (waiting)
		log_warning("cannot replace '%s': %s, the dump is '%s' meanwhile", output->path,
			    strerror(-error), waiting);
	else if (dump_is_removed(output->writer))
		log_warning("cannot write '%s': it was removed, and cannot be made anew (%s), "
			    "trying again at every flush",
			    output->path, strerror(-error));
	else
		log_warning("cannot write '%s': %s, trying again at every flush", output->path,
			    strerror(-error));
}

void output_flush(struct output *output, struct profile *profile)
{
	int error = dump_flush(output->writer, profile);

	if (error < 0 && !output->has_failed)
		warn_failed(output, error);
	else if (error > 0)
		log_warning("'%s' was removed: the dump is made anew", output->path);
	output->has_failed = error < 0;
}

static void on_flush(void *context, struct profile *profile, uint64_t now_ns)
{
	output_flush(context, profile);
}

struct flush_listener output_hear_flush(struct output *output)
{
	return (struct flush_listener){ .context = output, .flush = on_flush };
}

static void tell_snapshot(const char *base, const char *path, int error)
{
	if (error == -EEXIST)
		log_warning("cannot write '%s.N': the names are taken, up to '%s'", base, path);
	else if (error)
		log_warning("cannot write '%s': %s", path ? path : base, strerror(-error));
	else if (path)
		log_note("snapshot '%s'", path);
	else
		log_note("a snapshot of '%s' was written, and where it is cannot be known", base);
}

bool output_snapshot(const struct output *output, const struct profile *profile)
{
	const char *base = dump_is_stream(output->writer) ? DEFAULT_PATH : output->path;
	_cleanup_(freep) char *path = NULL;
	const struct dump_create create = {
		.path = base,
		.uid = output->uid,
		.gid = output->gid,
		.is_late = true,
		.number = 1,
	};
	int error = dump_snapshot(&create, output->writer, profile, &path);

	tell_snapshot(base, path, error);
	return !error;
}

/* ---- The end ---- */

static void output_free(struct output *output)
{
	memory_set_last(NULL, NULL);
	free(output->path);
	free(output);
}

/* The whole dump into a directory where there may be room. NULL when there is none. */
static char *save_elsewhere(const struct output *output, const struct profile *profile)
{
	const char *folder = getenv("TMPDIR"), *slash = strrchr(output->path, '/');
	const char *name = dump_is_stream(output->writer) ? DEFAULT_PATH
			   : slash			  ? slash + 1
							  : output->path;
	_cleanup_(freep) char *path = xasprintf(
		"%s/%s.%d", folder && *folder ? folder : OTHER_FOLDER, name, (int)getpid());
	const struct dump_create create = {
		.path = path,
		.uid = output->uid,
		.gid = output->gid,
		.is_late = true,
	};
	_cleanup_(freep) char *written = NULL;

	return dump_snapshot(&create, NULL, profile, &written) ? NULL : TAKE(written);
}

static void hint_rest(const struct output *output, const struct profile *profile)
{
	_cleanup_(freep) char *waiting = waiting_path(output), *saved = NULL, *before = NULL;

	if (waiting && dump_is_whole(output->writer)) {
		log_hint("the whole dump is '%s'", waiting);
		return;
	}
	saved = save_elsewhere(output, profile);
	if (saved)
		log_hint("the whole dump is '%s'", saved);
	before = saved ? NULL : dump_path(output->writer);
	if (before)
		log_hint("what was written before is readable and marked incomplete: '%s'", before);
}

static void tell_lost(const struct output *output, const struct profile *profile, int error)
{
	if (dump_is_removed(output->writer))
		log_error("cannot write '%s': it was removed, and cannot be made anew (%s)",
			  output->path, strerror(-error));
	else
		log_error("cannot %s '%s': %s", dump_waiting(output->writer) ? "replace" : "write",
			  output->path, strerror(-error));
	hint_rest(output, profile);
}

static void warn_moved(const struct output *output, const char *path)
{
	const char *what = dump_is_removed(output->writer) ? "was removed"
			   : dump_is_moved(output->writer) ? "was renamed"
							   : "leads elsewhere now";

	if (path)
		log_warning("'%s' %s: the dump is '%s'", output->path, what, path);
	else
		log_warning("'%s' %s, and where the dump is cannot be known", output->path, what);
}

int output_close(struct output *output, struct profile *profile, char **ret_path)
{
	int error = dump_finish(output->writer, profile);
	_cleanup_(freep) char *path = error ? NULL : dump_path(output->writer);
	bool is_there = path && !strcmp(path, output->path);

	if (error)
		tell_lost(output, profile, error);
	else if (!is_there && !dump_is_stream(output->writer))
		warn_moved(output, path);
	*ret_path = is_there ? TAKE(path) : NULL;
	dump_abandon(output->writer);
	output_free(output);
	return error;
}

void output_abandon(struct output *output)
{
	_cleanup_(freep) char *waiting = waiting_path(output);

	if (waiting)
		log_warning("cannot replace '%s': the dump is '%s'", output->path, waiting);
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
