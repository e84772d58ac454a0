/* SPDX-License-Identifier: BSD-2-Clause */
/* See report_page.h. */
#include "report_page.h"

#include <errno.h>
#include <string.h>

#include "log.h"

static bool is_page(const struct report_settings *settings)
{
	return !strcmp(settings->format, report_html.name);
}

int report_page_check(const struct report_settings *settings)
{
	const struct reporter *reporter = report_find(settings->format);

	if (!reporter->is_missing || !reporter->is_missing())
		return 0;
	log_error("cannot write '%s': this memprobe was built without npm", settings->format);
	log_hint("sudo tools/setup, then build again");
	return -ENOTSUP;
}

int report_page_check_terminal(const struct report_settings *settings, const char *name)
{
	if (is_page(settings)) {
		log_error("cannot write '%s': a page is for a browser, not for a terminal", name);
		log_hint("--out=report.html");
		return -EINVAL;
	}
	if (strcmp(settings->format, report_pprof.name) != 0)
		return 0;
	log_error("cannot write '%s': %s is no text for a terminal", name, settings->format);
	log_hint("--out=report.pb.gz");
	return -EINVAL;
}

void report_page_tell(const struct report_settings *settings, const char *path)
{
	if (is_page(settings) && path && strcmp(path, "-") != 0)
		log_note("open %s", path);
}
