/* SPDX-License-Identifier: BSD-2-Clause */
/* golden CASE FOLDER: compares one report with the file FOLDER/CASE. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "golden_profiles.h"
#include "memory.h"
#include "report.h"

static const uint32_t two_pids[] = { 4711, 4715 };

#define MINIMUM(bytes) .has_min = true, .minimum = (bytes)
#define HUGE (1LL << 40)

/* The text of line 12 is hostile, line 13 is no more in the file. */
static void read_lines(void *context, uint32_t process, const char *path, struct source_line *lines,
		       size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (lines[i].number != 13)
			snprintf(lines[i].text, sizeof(lines[i].text), "line %d of process %u%s",
				 lines[i].number, process, lines[i].number == 12 ? "\033[2J" : "");
	}
}

static const struct report_sources sources = { .read = read_lines };

/* One line a case: the file, the profile, options. The format is the file's ending. */
static const struct golden_case {
	const char *name;
	struct profile *(*make)(void);
	struct report_options options;
	bool use_color;
} cases[] = {
	{ .name = "single.txt", .make = golden_single },
	{ .name = "single.json", .make = golden_single },
	{ .name = "single_color.txt", .make = golden_single, .use_color = true },
	{ .name = "single_paths.txt", .make = golden_single, .options = { .full_paths = true } },
	{ .name = "single_all.txt", .make = golden_single, .options = { MINIMUM(-HUGE) } },
	{ .name = "single_none.txt", .make = golden_single, .options = { MINIMUM(HUGE) } },
	{ .name = "single_total.txt",
	  .make = golden_single,
	  .options = { .tree.sort = SORT_TOTAL } },
	{ .name = "single_self.txt", .make = golden_single, .options = { .tree.sort = SORT_SELF } },
	{ .name = "held.txt", .make = golden_held },
	{ .name = "held.json", .make = golden_held },
	{ .name = "held_growth.txt", .make = golden_held, .options = { .has_metric = true } },
	{ .name = "held_peak.txt",
	  .make = golden_held,
	  .options = { .tree.metric = METRIC_PEAK, .has_metric = true } },
	{ .name = "held_live.txt",
	  .make = golden_held,
	  .options = { .tree.metric = METRIC_LIVE, .has_metric = true } },
	{ .name = "held_mapped.txt",
	  .make = golden_held,
	  .options = { .tree.metric = METRIC_MAPPED, .has_metric = true } },
	{ .name = "leaks.txt",
	  .make = golden_leaks,
	  .options = { .tree.metric = METRIC_LIVE, .has_metric = true, .leaks = true } },
	{ .name = "leaks.json",
	  .make = golden_leaks,
	  .options = { .tree.metric = METRIC_LIVE, .has_metric = true, .leaks = true } },
	{ .name = "leaks_none.txt",
	  .make = golden_held,
	  .options = { .tree.metric = METRIC_LIVE, .has_metric = true, .leaks = true } },
	{ .name = "native_leaks.txt",
	  .make = golden_native_leaks,
	  .options = { .tree.metric = METRIC_LIVE, .has_metric = true, .leaks = true } },
	{ .name = "leaks_heap.txt",
	  .make = golden_heap_leaks,
	  .options = { .tree.metric = METRIC_LIVE, .has_metric = true, .leaks = true } },
	{ .name = "leaks_unseen.txt",
	  .make = golden_heap_leaks_unseen,
	  .options = { .tree.metric = METRIC_LIVE, .has_metric = true, .leaks = true } },
	{ .name = "allocs.txt", .make = golden_allocs },
	{ .name = "allocs.table",
	  .make = golden_allocs,
	  .options = { .tree.metric = METRIC_ALLOCATED, .has_metric = true } },
	{ .name = "allocs.json", .make = golden_allocs },
	{ .name = "allocs.jsonl", .make = golden_allocs },
	{ .name = "allocs_metric.txt",
	  .make = golden_allocs,
	  .options = { .tree.metric = METRIC_ALLOCATED, .has_metric = true } },
	{ .name = "allocs_live.txt",
	  .make = golden_allocs,
	  .options = { .tree.metric = METRIC_LIVE, .has_metric = true } },
	{ .name = "allocs_leaks.txt",
	  .make = golden_alloc_leaks,
	  .options = { .tree.metric = METRIC_ALLOCATED, .has_metric = true, .leaks = true } },
	{ .name = "inside.txt", .make = golden_inside, .options = { .by_process = true } },
	{ .name = "inside.json", .make = golden_inside },
	{ .name = "inside.jsonl", .make = golden_inside },
	{ .name = "census.txt", .make = golden_census },
	{ .name = "census.json", .make = golden_census },
	{ .name = "census.jsonl", .make = golden_census },
	{ .name = "imports.txt", .make = golden_imports },
	{ .name = "imports_frames.txt",
	  .make = golden_imports,
	  .options = { .tree.import_frames = true } },
	{ .name = "hidden.txt", .make = golden_hidden },
	{ .name = "hidden.json", .make = golden_hidden, .options = { MINIMUM(1 << 20) } },
	{ .name = "processes.txt", .make = golden_processes },
	{ .name = "processes_min.txt", .make = golden_processes, .options = { MINIMUM(1 << 20) } },
	{ .name = "processes.json", .make = golden_processes },
	{ .name = "processes_none.txt", .make = golden_processes, .options = { MINIMUM(HUGE) } },
	{ .name = "processes_pid.txt",
	  .make = golden_processes,
	  .options = { .pids = two_pids, .nr_pids = ARRAY_SIZE(two_pids) } },
	{ .name = "processes_pid.json",
	  .make = golden_processes,
	  .options = { .pids = two_pids, .nr_pids = ARRAY_SIZE(two_pids) } },
	{ .name = "hostile.txt", .make = golden_hostile },
	{ .name = "hostile.json", .make = golden_hostile },
	{ .name = "hostile.jsonl", .make = golden_hostile },
	{ .name = "processes.jsonl", .make = golden_processes },
	{ .name = "hidden.jsonl", .make = golden_hidden, .options = { MINIMUM(1 << 20) } },
	{ .name = "calls.txt", .make = golden_calls },
	{ .name = "calls.json", .make = golden_calls },
	{ .name = "calls_frames.txt",
	  .make = golden_calls,
	  .options = { .tree.import_frames = true } },
	{ .name = "calls_sort.txt", .make = golden_calls, .options = { .tree.sort = SORT_CALLS } },
	{ .name = "calls_metric.txt",
	  .make = golden_calls,
	  .options = { .tree.metric = METRIC_CALLS } },
	{ .name = "calls_metric.json",
	  .make = golden_calls,
	  .options = { .tree.metric = METRIC_CALLS, MINIMUM(12) } },
	{ .name = "calls_all.txt",
	  .make = golden_calls,
	  .options = { .tree.metric = METRIC_CALLS, MINIMUM(-1) } },
	{ .name = "calls_off.txt",
	  .make = golden_single,
	  .options = { .tree.metric = METRIC_CALLS } },
	{ .name = "calls_grown.txt",
	  .make = golden_calls,
	  .options = { .tree.metric = METRIC_GROWN } },
	{ .name = "calls_released.txt",
	  .make = golden_calls,
	  .options = { .tree.metric = METRIC_RELEASED } },
	{ .name = "copied.txt", .make = golden_copied },
	{ .name = "copied.json", .make = golden_copied },
	{ .name = "copied_min.txt", .make = golden_copied, .options = { MINIMUM(100 << 20) } },
	{ .name = "copied_leaks.txt",
	  .make = golden_copied,
	  .options = { .tree.metric = METRIC_LIVE, .has_metric = true, .leaks = true } },
	{ .name = "native.txt", .make = golden_native },
	{ .name = "native_full.txt",
	  .make = golden_native,
	  .options = { .full = true, .full_paths = true } },
	{ .name = "native.table", .make = golden_native },
	{ .name = "native.json", .make = golden_native },
	{ .name = "native.jsonl", .make = golden_native },
	{ .name = "native.csv", .make = golden_native },
	{ .name = "native.collapsed", .make = golden_native },
	{ .name = "native.speedscope", .make = golden_native },
	{ .name = "native_package.txt",
	  .make = golden_native,
	  .options = { .view = { .by = TREE_BY_PACKAGE } } },
	{ .name = "native_file.txt",
	  .make = golden_native,
	  .options = { .view = { .by = TREE_BY_FILE } } },
	{ .name = "native_file.json",
	  .make = golden_native,
	  .options = { .view = { .by = TREE_BY_FILE } } },
	{ .name = "native_invert.txt",
	  .make = golden_native,
	  .options = { .view = { .is_inverted = true, .depth = 1 } } },
	{ .name = "empty.txt", .make = golden_empty },
	{ .name = "empty.json", .make = golden_empty },
	{ .name = "empty.jsonl", .make = golden_empty },
	{ .name = "empty.table", .make = golden_empty },
	{ .name = "lines.txt", .make = golden_lines },
	{ .name = "lines.table", .make = golden_lines, .options = { .sources = &sources } },
	{ .name = "lines_unread.table", .make = golden_lines, .options = { MINIMUM(0) } },
	{ .name = "lines.json", .make = golden_lines },
	{ .name = "lines.jsonl", .make = golden_lines },
	{ .name = "single.jsonl", .make = golden_single },
	{ .name = "single.table", .make = golden_single },
	{ .name = "single_all.table", .make = golden_single, .options = { MINIMUM(-HUGE) } },
	{ .name = "single_self.table",
	  .make = golden_single,
	  .options = { .tree.sort = SORT_SELF } },
	{ .name = "imports.table", .make = golden_imports },
	{ .name = "imports.json", .make = golden_imports },
	{ .name = "hidden.table", .make = golden_hidden, .options = { MINIMUM(-HUGE) } },
	{ .name = "processes.table", .make = golden_processes },
	{ .name = "hostile.table", .make = golden_hostile },
	{ .name = "calls.jsonl", .make = golden_calls },
	{ .name = "series.txt", .make = golden_series },
	{ .name = "series.json", .make = golden_series },
	{ .name = "spike.txt", .make = golden_spike },
	{ .name = "single_package.txt",
	  .make = golden_single,
	  .options = { .view = { .by = TREE_BY_PACKAGE }, MINIMUM(0) } },
	{ .name = "single_module.table",
	  .make = golden_single,
	  .options = { .view = { .by = TREE_BY_MODULE }, MINIMUM(0) } },
	{ .name = "single_file.csv",
	  .make = golden_single,
	  .options = { .view = { .by = TREE_BY_FILE } } },
	{ .name = "lines_line.txt",
	  .make = golden_lines,
	  .options = { .view = { .by = TREE_BY_LINE } } },
	{ .name = "lines_file.table",
	  .make = golden_lines,
	  .options = { .view = { .by = TREE_BY_FILE } } },
	{ .name = "imports_imports.txt",
	  .make = golden_imports,
	  .options = { .view = { .imports = true } } },
	{ .name = "imports_imports.table",
	  .make = golden_imports,
	  .options = { .view = { .imports = true } } },
	{ .name = "single_depth.txt",
	  .make = golden_single,
	  .options = { .view = { .depth = 1 } } },
	{ .name = "single_invert.txt",
	  .make = golden_single,
	  .options = { .view = { .is_inverted = true, .depth = 2 } } },
	{ .name = "held_kinds.txt",
	  .make = golden_held,
	  .options = { .view = { .kinds = 1 << KIND_FILE }, MINIMUM(0) } },
	{ .name = "single_invert.table",
	  .make = golden_single,
	  .options = { .view = { .is_inverted = true } } },
	{ .name = "single.csv", .make = golden_single },
	{ .name = "held.csv", .make = golden_held },
	{ .name = "hidden.csv", .make = golden_hidden, .options = { MINIMUM(1 << 20) } },
	{ .name = "processes.csv", .make = golden_processes },
	{ .name = "hostile.csv", .make = golden_hostile },
	{ .name = "lines.csv", .make = golden_lines },
	{ .name = "calls.csv", .make = golden_calls },
	{ .name = "empty.csv", .make = golden_empty },
	{ .name = "single.collapsed", .make = golden_single },
	{ .name = "held_peak.collapsed",
	  .make = golden_held,
	  .options = { .tree.metric = METRIC_PEAK, .has_metric = true } },
	{ .name = "hidden.collapsed", .make = golden_hidden, .options = { MINIMUM(1 << 20) } },
	{ .name = "hostile.collapsed", .make = golden_hostile },
	{ .name = "calls_metric.collapsed",
	  .make = golden_calls,
	  .options = { .tree.metric = METRIC_CALLS, .has_metric = true } },
	{ .name = "calls_depth.collapsed",
	  .make = golden_calls,
	  .options = { .view = { .depth = 1 }, .tree.metric = METRIC_CALLS, .has_metric = true } },
	{ .name = "calls_depth.txt",
	  .make = golden_calls,
	  .options = { .view = { .depth = 1 }, .tree.metric = METRIC_CALLS } },
	{ .name = "calls_depth_growth.txt",
	  .make = golden_calls,
	  .options = { .view = { .depth = 1 } } },
	{ .name = "calls_invert.collapsed",
	  .make = golden_calls,
	  .options = { .view = { .is_inverted = true },
		       .tree.metric = METRIC_CALLS,
		       .has_metric = true } },
	{ .name = "calls_invert.table",
	  .make = golden_calls,
	  .options = { .view = { .is_inverted = true }, .tree.metric = METRIC_CALLS } },
	{ .name = "empty.collapsed", .make = golden_empty },
	{ .name = "single.speedscope", .make = golden_single },
	{ .name = "held_peak.speedscope",
	  .make = golden_held,
	  .options = { .tree.metric = METRIC_PEAK, .has_metric = true } },
	{ .name = "hostile.speedscope", .make = golden_hostile },
	{ .name = "lines.speedscope", .make = golden_lines },
	{ .name = "empty.speedscope", .make = golden_empty },
	{ .name = "calls.table", .make = golden_calls },
	{ .name = "calls_metric.table",
	  .make = golden_calls,
	  .options = { .tree = { .metric = METRIC_CALLS, .sort = SORT_CALLS } } },
};

static const char *format_of(const struct golden_case *golden)
{
	const char *ending = strrchr(golden->name, '.') + 1;

	return strcmp(ending, "txt") != 0 ? ending : "tree";
}

static int write_case(const struct golden_case *golden, int fd)
{
	struct profile *profile = golden->make();
	struct sink sink;

	sink_attach(&sink, fd);
	sink.use_color = golden->use_color;
	report_write(report_find(format_of(golden)), profile, &golden->options, &sink);
	profile_free(profile);
	return sink_close(&sink);
}

static int show_difference(const char *expected, const char *actual)
{
	int status = 1;
	pid_t child = fork();

	if (child == 0) {
		execlp("diff", "diff", "-u", expected, actual, NULL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int compare_case(const struct golden_case *golden, const char *expected)
{
	char actual[] = "/tmp/memprobe-golden-XXXXXX";
	int fd = mkstemp(actual), status;

	if (fd < 0 || write_case(golden, fd)) {
		perror(actual);
		return 1;
	}
	status = show_difference(expected, actual);
	close(fd);
	unlink(actual);
	return status;
}

static int update_case(const struct golden_case *golden, const char *expected)
{
	int fd = open(expected, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write_case(golden, fd)) {
		perror(expected);
		return 1;
	}
	return close(fd) != 0;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *expected = xasprintf("%s/%s", argv[2], argv[1]);

		if (strcmp(cases[i].name, argv[1]) != 0)
			continue;
		return getenv("MEMPROBE_UPDATE") ? update_case(&cases[i], expected)
						 : compare_case(&cases[i], expected);
	}
	fprintf(stderr, "no such case: %s\n", argv[1]);
	return 1;
}
