/* SPDX-License-Identifier: BSD-2-Clause */
/* A report as text, for tests that look for something in it. */
#ifndef MEMPROBE_TESTS_REPORT_TEXT_H
#define MEMPROBE_TESTS_REPORT_TEXT_H

#include "profile_builder.h"
#include "report.h"

/* The caller frees it. */
char *report_text(const struct reporter *reporter, const struct profile *profile,
		  const struct report_options *options);
/* The tree of what was built, which is freed; the caller frees the text. */
char *report_text_of_built(struct profile_builder *builder, const struct report_options *options);

#endif
