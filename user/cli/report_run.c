/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports as the user asks for them; see report_run.h. */
#include "report_run.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error_hints.h"
#include "json_writer.h"
#include "leak_nodes.h"
#include "log.h"
#include "memory.h"
#include "name_pattern.h"
#include "report_needs.h"
#include "report_page.h"
#include "same_output.h"
#include "stream.h"

#define BYTES_PER_MB 1048576.0
#define MAX_MB 1e12 /* in bytes well within 64 bits */

/* jq 1.6 takes 256 levels, Python's json fewer than 1,000, and a row needs two. */
#define MAX_NESTING 200

#define MAX_HINTED_PIDS 8

enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

static const char *color_choice(size_t index)
{
	static const char *const names[] = {
		[COLOR_AUTO] = "auto",
		[COLOR_ALWAYS] = "always",
		[COLOR_NEVER] = "never",
	};

	return index < ARRAY_SIZE(names) ? names[index] : NULL;
}

static const char by_process[] = "process";

/* What a row can be, and last that each process is by itself. */
static const char *by_choice(size_t index)
{
	const char *name = code_groups_by(index);

	return name || !index || !code_groups_by(index - 1) ? name : by_process;
}

static bool is_by_process(const struct report_settings *settings)
{
	return !strcmp(settings->by, by_process);
}

static uint32_t rows_of(const struct report_settings *settings)
{
	return is_by_process(settings) ? TREE_BY_PATH
				       : (uint32_t)options_choice(code_groups_by, settings->by);
}

#define FIELD(field) offsetof(struct report_settings, field)

const struct option_spec report_run_specs[NR_REPORT_OPTIONS] = {
	{ .name = "min",
	  .argument = "MB",
	  .help = "rows with more MB, or calls, than this (1 in tree and table, else all)",
	  .kind = OPTION_DECIMAL,
	  .offset = FIELD(min),
	  .min = -MAX_MB,
	  .max = MAX_MB },
	{ .name = "format",
	  .argument = "NAME",
	  .help = "{} (tree)",
	  .kind = OPTION_CHOICE,
	  .offset = FIELD(format),
	  .choices = report_format },
	{ .name = "metric",
	  .argument = "NAME",
	  .help = "what counts: {} (growth)",
	  .kind = OPTION_CHOICE,
	  .offset = FIELD(metric),
	  .choices = metric_choice },
	{ .name = "sort",
	  .argument = "ORDER",
	  .help = "{} (of a capture: total; else first: in order of first call)",
	  .kind = OPTION_CHOICE,
	  .offset = FIELD(sort),
	  .choices = calltree_sort_name },
	{ .name = "kind",
	  .argument = "KIND,...",
	  .help = "only memory of these kinds: {} (all but swap)",
	  .kind = OPTION_CHOICES,
	  .offset = FIELD(kinds),
	  .choices = tree_view_kind },
	{ .name = "focus",
	  .argument = "REGEX",
	  .help = "only paths with a row whose label, name or file it finds",
	  .kind = OPTION_PATTERN,
	  .offset = FIELD(focus) },
	{ .name = "ignore",
	  .argument = "REGEX",
	  .help = "no paths with such a row",
	  .kind = OPTION_PATTERN,
	  .offset = FIELD(ignore) },
	{ .name = "depth",
	  .argument = "N",
	  .help = "the first N levels of rows",
	  .kind = OPTION_INTEGER,
	  .offset = FIELD(depth),
	  .min = 1,
	  .max = UINT32_MAX },
	{ .name = "invert",
	  .help = "callers below what they called",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(invert) },
	{ .name = "by",
	  .argument = "WHAT",
	  .help = "what a row is: {} (path: a function)",
	  .kind = OPTION_CHOICE,
	  .offset = FIELD(by),
	  .choices = by_choice },
	{ .name = "leaks",
	  .help = "only paths that kept taking memory to the end and never gave back",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(leaks) },
	{ .name = "imports",
	  .help = "what each import cost, with and without what it imports in turn",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(imports) },
	{ .name = "out",
	  .argument = "FILE",
	  .help = "write the report to FILE",
	  .kind = OPTION_TEXT,
	  .offset = FIELD(out) },
	{ .name = "color",
	  .argument = "WHEN",
	  .help = "{} (auto: on a terminal, without NO_COLOR)",
	  .kind = OPTION_CHOICE,
	  .offset = FIELD(color),
	  .choices = color_choice },
	{ .name = "full-paths",
	  .help = "do not shorten the directories of installations",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(full_paths) },
	{ .name = "full",
	  .help = "every frame a row: recursion and runners too",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(full) },
	{ .name = "import-frames",
	  .help = "show the import machinery",
	  .kind = OPTION_FLAG,
	  .offset = FIELD(import_frames) },
};

void report_run_defaults(struct report_settings *ret)
{
	*ret = (struct report_settings){ .format = "tree", .color = "auto", .by = "path" };
}

/* ---- Where it goes ---- */

int report_run_refuse_output(const char *name, int error)
{
	if (error == -EPIPE)
		return error;
	if (error == -EEXIST) {
		log_error("cannot write '%s': it exists", name);
		log_hint("-f replaces it");
	} else if (error == -ELOOP) {
		log_error("cannot write '%s': it is a symbolic link", name);
		log_hint("-f replaces the link");
	} else if (error == -EINVAL) {
		log_error("cannot write '%s': it is a device or a socket", name);
		log_hint("name a file in a directory of yours");
	} else if (error == -EPERM) {
		log_error("cannot replace '%s': only its owner may", name);
		log_hint("name a file in a directory of yours");
	} else {
		log_error("cannot write '%s': %s", name, strerror(-error));
		error_hint_print(ERROR_OF_WRITING, error);
	}
	return error;
}

/* What came through a pipe is nowhere any more. */
static bool is_dump(const char *path, const char *out)
{
	const char *dump = strcmp(path, "-") ? path : "/dev/stdin";
	struct stat status;

	return !stat(dump, &status) && S_ISREG(status.st_mode) && same_output(dump, out);
}

/* -f replaces what is there, but hardly for this. */
static int check_dumps(const struct report_settings *settings, const char *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings->dumps); i++) {
		if (!settings->dumps[i] || !is_dump(settings->dumps[i], out))
			continue;
		log_error("cannot write '%s': it is the dump that the report is made of", out);
		log_hint("give another name to --out");
		return -EINVAL;
	}
	return 0;
}

int report_run_check(const struct report_settings *settings, bool force)
{
	bool is_known = settings->out && !name_pattern_is(settings->out);
	int error = report_page_check(settings);

	if (!error && is_known && stream_is_terminal(settings->out))
		error = report_page_check_terminal(settings, settings->out);
	if (!error && is_known)
		error = check_dumps(settings, settings->out);
	if (error)
		return error;
	error = is_known ? sink_check(settings->out, force) : 0;
	return error ? report_run_refuse_output(settings->out, error) : 0;
}

int report_run_check_on(const struct report_settings *settings, int fd)
{
	int error = report_page_check(settings);

	return error || !isatty(fd) ? error
				    : report_page_check_terminal(settings, settings->format);
}

static bool is_color_terminal(int fd)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return (!no_color || !*no_color) && terminal && strcmp(terminal, "dumb") != 0 && isatty(fd);
}

static bool wants_color(const struct report_settings *settings, int fd)
{
	int choice = options_choice(color_choice, settings->color);

	return choice == COLOR_ALWAYS || (choice == COLOR_AUTO && is_color_terminal(fd));
}

/* The name of --out, NULL without one. */
static char *fill_out(const struct report_settings *settings, const struct profile *profile)
{
	const struct name_values values = {
		.pid = profile->nr_processes ? profile->processes[0].pid : 0,
		.host = profile->meta.host,
		.time_s = profile->meta.started_s,
	};

	return settings->out ? name_pattern_fill(settings->out, &values) : NULL;
}

static int open_sink(const struct report_settings *settings, const char *out,
		     const struct report_target *target, struct sink *ret)
{
	int error = 0;

	if (out)
		error = sink_open(ret, out, target->force);
	else
		sink_attach(ret, target->fd);
	if (error)
		return error;
	ret->use_color = wants_color(settings, ret->fd);
	if (report_find(settings->format)->write_rows)
		sink_fit_terminal(ret);
	return 0;
}

/* ---- The report ---- */

/* The first few of those that were. */
static void hint_at_pids(const struct profile *profile)
{
	char text[MAX_HINTED_PIDS * sizeof("4294967295, ")] = "";
	size_t size = 0, count = profile->nr_processes;

	if (count > MAX_HINTED_PIDS)
		count = MAX_HINTED_PIDS;
	for (size_t i = 0; i < count; i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%" PRIu32,
					 i ? ", " : "", profile->processes[i].pid);
	if (count)
		log_hint("measured were %s%s", text, count < profile->nr_processes ? " ..." : "");
	else
		log_hint("no process was measured");
}

static int check_pids(const struct profile *profile, const struct option_pids *pids)
{
	for (size_t i = 0; i < pids->count; i++) {
		if (report_has_pid(profile, pids->pids[i]))
			continue;
		log_error("cannot report '%u%s': no such process was measured", pids->pids[i],
			  pids->pids[i] == UINT32_MAX ? " or more" : "");
		hint_at_pids(profile);
		return -ESRCH;
	}
	return 0;
}

/* Bytes and calls are whole: more than x of them is more than the floor of x. */
static int64_t floor_minimum(double minimum, enum tree_metric metric)
{
	double amount = metrics[metric].unit == UNIT_COUNT ? minimum : minimum * BYTES_PER_MB;
	int64_t whole = (int64_t)amount;

	return (double)whole > amount ? whole - 1 : whole;
}

static enum tree_metric find_metric(const struct report_settings *settings,
				    const struct profile *profile)
{
	if (settings->metric)
		return (enum tree_metric)metric_find(settings->metric);
	return settings->leaks ? leak_metric(profile) : METRIC_GROWTH;
}

static enum tree_sort find_sort(const struct report_settings *settings)
{
	if (settings->sort)
		return (enum tree_sort)options_choice(calltree_sort_name, settings->sort);
	return settings->is_largest_first && report_find(settings->format)->write_rows ? SORT_TOTAL
										       : SORT_FIRST;
}

static struct report_options make_options(const struct report_settings *settings,
					  const struct profile *profile,
					  const struct option_pids *pids)
{
	enum tree_metric metric = find_metric(settings, profile);

	return (struct report_options){
		.tree = { .sort = find_sort(settings),
			  .metric = metric,
			  .import_frames = settings->import_frames,
			  .is_difference = settings->is_difference },
		.has_metric = settings->metric || settings->leaks,
		.leaks = settings->leaks,
		.has_min = settings->min.is_given,
		.minimum = floor_minimum(settings->min.value, metric),
		.full = settings->full,
		.by_process = is_by_process(settings),
		.full_paths = settings->full_paths,
		.pids = pids->pids,
		.nr_pids = pids->count,
	};
}

/* Compiled expressions, which the options have been found to be; free_view frees them. */
struct patterns {
	regex_t focus, ignore;
};

static const regex_t *compile(regex_t *ret, const char *text)
{
	return text && !regcomp(ret, text, REG_EXTENDED | REG_NOSUB) ? ret : NULL;
}

static struct tree_view make_view(const struct report_settings *settings,
				  struct patterns *ret_patterns)
{
	return (struct tree_view){
		.threads = settings->threads,
		.focus = compile(&ret_patterns->focus, settings->focus),
		.ignore = compile(&ret_patterns->ignore, settings->ignore),
		.kinds = settings->kinds,
		.depth = settings->depth,
		.by = rows_of(settings),
		.imports = settings->imports,
		.is_inverted = settings->invert,
	};
}

static void free_view(const struct tree_view *view, struct patterns *patterns)
{
	if (view->focus)
		regfree(&patterns->focus);
	if (view->ignore)
		regfree(&patterns->ignore);
}

/* What grew less than was released, what has less than before, or what others still hold. */
static const char *left_out(const struct report_options *options)
{
	if (options->tree.is_difference)
		return "rows that have less are left out";
	if (options->tree.metric == METRIC_GROWTH)
		return "rows that released more than they grew are left out";
	if (options->tree.metric == METRIC_MAPPED)
		return "rows that gave back more than they took are left out";
	return "rows below zero are left out: other rows still have what has gone";
}

static void tell_remarks(const char *name, const struct report_options *options,
			 const struct report_remarks *remarks)
{
	if (remarks->nr_cut)
		log_note("'%s': %" PRIu64 " %s cut at %d bytes", name, remarks->nr_cut,
			 remarks->nr_cut == 1 ? "name was" : "names were", JSON_NAME_BYTES);
	if (remarks->negative)
		log_note("'%s': %.2f MB of %s", name, (double)remarks->negative / BYTES_PER_MB,
			 left_out(options));
	if (remarks->lacks_metric)
		log_note("'%s' has no column of '%s': --format=jsonl has it", name,
			 metrics[options->tree.metric].name);
	if (remarks->nesting <= MAX_NESTING)
		return;
	log_warning("'%s' nests %" PRIu32 " deep, more than some readers of JSON take", name,
		    remarks->nesting);
	log_hint("--format=jsonl has no nesting: a node a line");
}

static int refuse_imports(const struct report_settings *settings)
{
	log_error("cannot show '--imports': --by=%s is given, too", settings->by);
	log_hint("one of both: rows are modules with each");
	return -EINVAL;
}

/* As far as it can be told before (find_metric). */
static enum tree_metric foresee_metric(const struct report_settings *settings,
				       const struct report_run_kind *run)
{
	if (settings->metric)
		return (enum tree_metric)metric_find(settings->metric);
	return settings->leaks && !run->has_allocs ? METRIC_LIVE : METRIC_GROWTH;
}

int report_run_check_run(const struct report_settings *settings, const struct report_run_kind *run)
{
	int error = report_needs_metric_of(run, foresee_metric(settings, run));

	if (!error && settings->imports && rows_of(settings) != TREE_BY_PATH)
		error = refuse_imports(settings);
	return error ? error : report_needs_rows_of(run, rows_of(settings));
}

/* Of a full or closed standard error, too, though the message may find nobody. */
static int refuse_report(const char *name, int error, bool is_beside)
{
	report_run_refuse_output(name, error);
	return is_beside ? -EPIPE : error;
}

int report_run(const struct profile *profile, const struct report_settings *settings,
	       const struct option_pids *pids, const struct report_target *target)
{
	_cleanup_(freep) char *out = fill_out(settings, profile);
	const char *name = !out ? target->name : strcmp(out, "-") ? out : "standard output";
	struct report_options options = make_options(settings, profile, pids);
	char directory[PATH_MAX];
	struct report_remarks remarks;
	struct patterns patterns;
	struct sink sink;
	int error = check_pids(profile, pids);

	if (!error)
		error = report_needs_metric(profile, options.tree.metric);
	if (!error && settings->imports && rows_of(settings) != TREE_BY_PATH)
		error = refuse_imports(settings);
	if (!error)
		error = report_needs_rows(profile, rows_of(settings));
	if (!error && (out ? stream_is_terminal(out) : isatty(target->fd)))
		error = report_page_check_terminal(settings, name);
	if (!error && out)
		error = check_dumps(settings, out);
	if (error)
		return error;
	options.sources = target->sources;
	options.directory = getcwd(directory, sizeof(directory));
	/* A reader that has gone, or a limit, is an error of the write and no reason to die. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	error = open_sink(settings, out, target, &sink);
	if (error)
		return report_run_refuse_output(name, error);
	options.view = make_view(settings, &patterns);
	remarks = report_write(report_find(settings->format), profile, &options, &sink);
	free_view(&options.view, &patterns);
	error = sink_close(&sink);
	if (error)
		return refuse_report(name, error, !out && target->is_beside);
	tell_remarks(name, &options, &remarks);
	report_page_tell(settings, out);
	return 0;
}
