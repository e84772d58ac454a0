/* SPDX-License-Identifier: BSD-2-Clause */
/* A report as text, for tests that look for something in it. */
#ifndef MEMPROBE_TESTS_REPORT_TEXT_H
#define MEMPROBE_TESTS_REPORT_TEXT_H

#include "report.h"

/* The caller frees it. */
char *report_text(const struct reporter *reporter, const struct profile *profile,
		  const struct report_options *options);

#endif
