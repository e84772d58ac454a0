/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading dumps; see dump_file.h. */
#include "dump_file.h"

#include <errno.h>
#include <unistd.h>

#include "commands.h"
#include "dump.h"
#include "log.h"
#include "report_lines.h"

int dump_file_read(const char *path, struct profile **ret_profile)
{
	struct dump_error why = { 0 };
	char text[DUMP_ERROR_TEXT_BYTES];
	int error = dump_read(path, ret_profile, &why);

	if (error) {
		dump_error_text(&why, text);
		log_error("cannot read '%s': %s", path, text);
		if (dump_error_hint(&why))
			log_hint("%s", dump_error_hint(&why));
		return error;
	}
	if (!(*ret_profile)->meta.is_complete)
		log_note("'%s' is incomplete: the capture did not end", path);
	return 0;
}

int dump_file_report(const struct profile *profile, const struct report_settings *settings,
		     const struct option_pids *pids, bool force)
{
	struct report_lines lines;
	const struct report_sources sources = report_lines_sources(&lines);
	const struct report_target target = {
		.fd = STDOUT_FILENO, .name = "standard output", .force = force, .sources = &sources
	};
	int error;

	report_lines_init(&lines, NULL, false);
	error = report_run(profile, settings, pids, &target);
	report_lines_clear(&lines);
	if (error == -EPIPE)
		return EXIT_PIPE;
	return error ? EXIT_FAILED : EXIT_DONE;
}
