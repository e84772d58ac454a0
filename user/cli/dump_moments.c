/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding the snapshots of a run; see dump_moments.h. */
#include "dump_moments.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "dump.h"
#include "dump_file.h"
#include "log.h"
#include "memory.h"
#include "profile_merge.h"

#define NS_PER_S 1e9
/* A snapshot stands for a moment from which it is not farther: of the whole run, and in s. */
#define NEAR_SHARE 0.02
#define NEAR_SECONDS 0.5
#define MAX_SNAPSHOTS 4096 /* all are read */

/* A moment of the run that a file tells of. */
struct point {
	double time; /* s */
	char *path;  /* owned; NULL: the beginning, of which there is nothing to tell */
};

/* The first two are the beginning and the end. */
#define END 1

struct points {
	struct point *points;
	size_t count, capacity;
};

static void add_point(struct points *points, double time, const char *path)
{
	points->points = array_reserve(points->points, &points->capacity, points->count + 1,
				       sizeof(*points->points));
	points->points[points->count++] = (struct point){ time, path ? xstrdup(path) : NULL };
}

static void points_free(struct points *points)
{
	for (size_t i = 0; i < points->count; i++)
		free(points->points[i].path);
	free(points->points);
}

static double time_of(const struct profile *profile)
{
	return (double)profile->meta.duration_ns / NS_PER_S;
}

/* Of the same capture, before its end. */
static bool is_earlier(const struct profile *profile, const struct profile *end)
{
	const struct process *a = profile->processes, *b = end->processes;

	return profile->meta.started_s == end->meta.started_s && profile->nr_processes &&
	       end->nr_processes && a->pid == b->pid && a->start_ns == b->start_ns &&
	       profile->meta.duration_ns <= end->meta.duration_ns;
}

/* What is no dump, or one of another run, has the name by chance. */
static void add_snapshot(struct points *points, const char *path, const struct profile *end)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	struct dump_error error;

	if (!dump_read(path, &profile, &error) && is_earlier(profile, end))
		add_point(points, time_of(profile), path);
}

/* Is it NAME.N, as snapshots are called? */
static bool is_snapshot_name(const char *name, const char *dump)
{
	size_t length = strlen(dump);

	return !strncmp(name, dump, length) && name[length] == '.' && name[length + 1] &&
	       strspn(name + length + 1, "0123456789") == strlen(name + length + 1);
}

static void add_snapshots(struct points *points, const char *path, const struct profile *end)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_(freep) char *folder = slash ? xstrndup(path, (size_t)(slash + 1 - path))
					      : xstrdup("./");
	DIR *directory = opendir(folder);
	struct dirent *entry;
	size_t count = 0;

	while (directory && count < MAX_SNAPSHOTS && (entry = readdir(directory))) {
		_cleanup_(freep) char *snapshot = NULL;

		if (!is_snapshot_name(entry->d_name, name))
			continue;
		count++;
		snapshot = xasprintf("%s%s", slash ? folder : "", entry->d_name);
		add_snapshot(points, snapshot, end);
	}
	if (directory)
		closedir(directory);
}

static const struct point *find_nearest(const struct points *points, double time)
{
	const struct point *nearest = points->points;

	for (size_t i = 1; i < points->count; i++) {
		if (fabs(points->points[i].time - time) < fabs(nearest->time - time))
			nearest = &points->points[i];
	}
	return nearest;
}

/* The last moment before and the first behind it are what the user can have instead. */
static int refuse(const struct points *points, double time, const char *path)
{
	double before = 0, behind = HUGE_VAL;

	for (size_t i = 0; i < points->count; i++) {
		double known = points->points[i].time;

		if (known <= time && known > before)
			before = known;
		if (known >= time && known < behind)
			behind = known;
	}
	if (isfinite(behind))
		log_error("cannot find '%.2f s' in '%s': of the times around, it tells of %.2f s "
			  "and %.2f s only",
			  time, path, before, behind);
	else
		log_error("cannot find '%.2f s' in '%s': it ends at %.2f s", time, path, before);
	log_hint("snapshots beside the dump tell of their times: capture with --every=10");
	return -ENOENT;
}

static int find_point(const struct points *points, double time, const char *path,
		      const struct point **ret)
{
	const struct point *nearest = find_nearest(points, time);
	double near = NEAR_SHARE * points->points[END].time;

	if (near < NEAR_SECONDS)
		near = NEAR_SECONDS;
	if (fabs(nearest->time - time) > near)
		return refuse(points, time, path);
	*ret = nearest;
	return 0;
}

static int refuse_one_moment(const struct point *point, const char *path)
{
	log_error("cannot show '%s': both moments are nearest to %.2f s", path, point->time);
	log_hint("snapshots beside the dump tell of their times: capture with --every=10");
	return -EINVAL;
}

/* *profile is what `to` tells, or NULL: it is to be read. */
static int read_between(const struct point *from, const struct point *to, struct profile **profile,
			bool *ret_is_difference)
{
	_cleanup_(profile_freep) struct profile *before = NULL;
	int error = *profile ? 0 : dump_file_read(to->path, profile);

	if (!error && from->path)
		error = dump_file_read(from->path, &before);
	if (error)
		return error;
	if (before)
		profile_merge(*profile, before, MERGE_DIFFERENCE);
	*ret_is_difference = before;
	log_note("from %.2f s (%s%s%s) to %.2f s ('%s')", from->time, from->path ? "'" : "",
		 from->path ? from->path : "the beginning", from->path ? "'" : "", to->time,
		 to->path);
	return 0;
}

int dump_moments_check(const struct moment_range *range)
{
	if (!range->to.is_given || range->from.value < range->to.value)
		return 0;
	log_error("cannot parse '--to': %.15g s is not behind --from, %.15g s", range->to.value,
		  range->from.value);
	log_hint("--from=2 --to=10 shows what grew between 2 s and 10 s");
	return -EINVAL;
}

int dump_moments_read(const char *path, const struct moment_range *range,
		      struct profile **ret_profile, bool *ret_is_difference)
{
	_cleanup_(profile_freep) struct profile *end = NULL;
	struct points points = { 0 };
	const struct point *from, *to;
	int error = dump_file_read(path, &end);

	if (error)
		return error;
	add_point(&points, 0, NULL);
	add_point(&points, time_of(end), path);
	from = &points.points[0];
	add_snapshots(&points, path, end);
	error = find_point(&points, range->from.value, path, &from);
	if (!error)
		error = find_point(&points, range->to.is_given ? range->to.value : time_of(end),
				   path, &to);
	if (!error && from->time >= to->time)
		error = refuse_one_moment(from, path);
	if (!error && to != &points.points[END])
		profile_free(TAKE(end));
	if (!error)
		error = read_between(from, to, &end, ret_is_difference);
	points_free(&points);
	if (!error)
		*ret_profile = TAKE(end);
	return error;
}
