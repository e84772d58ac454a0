/* SPDX-License-Identifier: BSD-2-Clause */
/* The report at the end of a capture; see record_report.h. */
#include "record_report.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "dump_owner.h"
#include "identity.h"
#include "log.h"
#include "memory.h"
#include "report_lines.h"
#include "run.h"
#include "same_output.h"

/* Files are looked at and made with no other rights than those of the user who called. */
struct caller {
	struct dump_owner owner;
	struct dump_self self;
};

/* -errno; to be undone in any case. */
static int become_caller(const struct record_report *report, struct caller *ret)
{
	struct identity identity;

	identity_read(report->keep_root, &identity);
	dump_owner_init(&ret->owner, identity.uid, identity.gid);
	identity_free(&identity);
	return dump_owner_become(&ret->owner, &ret->self);
}

static void return_from_caller(struct caller *caller)
{
	dump_owner_return(&caller->self);
	dump_owner_free(&caller->owner);
}

static int write_report(const struct record_report *report, const struct profile *profile)
{
	struct report_settings settings = *report->settings;
	struct report_lines lines;
	const struct report_sources sources = report_lines_sources(&lines);
	const struct report_target target = { .fd = STDERR_FILENO,
					      .name = "standard error",
					      .force = report->force,
					      .is_beside = true,
					      .sources = &sources };
	const struct option_pids all = { 0 };
	int error;

	/* With places to fill, both names are known only now. */
	settings.dumps[0] = capture_dump_path();
	report_lines_init(&lines, profile, true, report->keep_root);
	error = report_run(profile, &settings, &all, &target);
	report_lines_clear(&lines);
	return error;
}

/* Without a profile only what can be known before is checked. */
static int write_report_as_caller(const struct record_report *report, const struct profile *profile)
{
	struct caller caller;
	int error;

	if (!report->settings->out)
		return profile ? write_report(report, profile)
			       : report_run_check_on(report->settings, STDERR_FILENO);
	error = become_caller(report, &caller);
	if (error)
		report_run_refuse_output(report->settings->out, error);
	else if (profile)
		error = write_report(report, profile);
	else
		error = report_run_check(report->settings, report->force);
	return_from_caller(&caller);
	return error;
}

int record_report_check_names(const struct record_report *report)
{
	const char *dump = report->dump ? report->dump : "mem_trace.raw";
	const char *out = report->settings->out;
	struct caller caller;
	bool is_one;

	if (!out)
		return 0;
	is_one = !become_caller(report, &caller) && same_output(dump, out);
	return_from_caller(&caller);
	if (!is_one)
		return 0;
	log_error("cannot write '%s': it is to be both the dump and the report", out);
	log_hint("give another name to --out, or to -o");
	return EXIT_USAGE;
}

int record_report_check(const struct record_report *report)
{
	return write_report_as_caller(report, NULL);
}

/* As a shell reads it back. */
static char *quote(const char *path)
{
	const char *safe =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+:,@%-";
	char *text;

	if (*path != '-' && !path[strspn(path, safe)])
		return xstrdup(path);
	text = xstrdup(*path == '-' ? "./" : "");
	for (const char *byte = path; *byte; byte++) {
		char *longer = xasprintf("%s%s%c", text, strchr(safe, *byte) ? "" : "\\", *byte);

		free(text);
		text = longer;
	}
	return text;
}

/* The last line. Not behind a report for programs, which it would be no part of. */
static void tell_dump(const struct record_report *report)
{
	const char *path = capture_dump_path(), *format = report->settings->format;
	bool is_for_people = !strcmp(format, "tree") || !strcmp(format, "table");
	_cleanup_(freep) char *quoted = path ? quote(path) : NULL;

	if (path && (report->settings->out || is_for_people))
		log_note("the dump is '%s': memprobe post %s", path, quoted);
}

int record_report_write(const struct record_report *report, const struct profile *profile,
			int status)
{
	int error = write_report_as_caller(report, profile);

	tell_dump(report);
	return error && error != -EPIPE && error != -ENODATA ? EXIT_FAILURE_OWN : status;
}
