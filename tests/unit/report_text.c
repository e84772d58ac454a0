/* SPDX-License-Identifier: BSD-2-Clause */
/* See report_text.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory.h"
#include "profile_held.h"
#include "report_text.h"

char *report_text(const struct reporter *reporter, const struct profile *profile,
		  const struct report_options *options)
{
	int fd = memfd_create("report", MFD_CLOEXEC);
	struct sink sink;
	off_t size;
	char *text;

	assert_true(fd >= 0);
	sink_attach(&sink, fd);
	report_write(reporter, profile, options, &sink);
	assert_int_equal(sink_close(&sink), 0);
	size = lseek(fd, 0, SEEK_END);
	text = xcalloc(1, (size_t)size + 1);
	assert_int_equal(pread(fd, text, (size_t)size, 0), size);
	close(fd);
	return text;
}

char *report_text_of_built(struct profile_builder *builder, const struct report_options *options)
{
	char *text;

	builder_finish(builder);
	profile_settle(builder->profile);
	text = report_text(&report_tree, builder->profile, options);
	profile_free(builder->profile);
	return text;
}
