/* SPDX-License-Identifier: BSD-2-Clause */
/* What is particular to reports that are no text to read: a page for a browser, bytes. */
#ifndef MEMPROBE_REPORT_PAGE_H
#define MEMPROBE_REPORT_PAGE_H

#include "report_run.h"

/* Prints why this program cannot write the format, -ENOTSUP. */
int report_page_check(const struct report_settings *settings);

/* Prints why the format does not go to a terminal, of that name, -EINVAL. */
int report_page_check_terminal(const struct report_settings *settings, const char *name);

/* How to look at it. */
void report_page_tell(const struct report_settings *settings, const char *path);

#endif
