/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a dump cannot be read, in words. */
#include "dump.h"

#include <stdio.h>
#include <string.h>

#include "dump_format.h"
#include "error_hints.h"

#define HINT_DAMAGED "it is not as memprobe wrote it: copy it anew, or capture again"

static const struct {
	const char *sentence, *hint;
} texts[NR_DUMP_FAILURES] = {
	[DUMP_FINE] = { "no error", NULL },
	[DUMP_NOT_A_DUMP] = { "not a memprobe dump",
			      "name what a capture wrote: mem_trace.raw, or what its -o says; "
			      "reports are no dumps" },
	[DUMP_HEADER_TRUNCATED] = { "the file ends within its header",
				    "it was cut off, or memprobe was killed as it began" },
	[DUMP_HEADER_CORRUPT] = { "the header is damaged", HINT_DAMAGED },
	[DUMP_NEWER] = { NULL, "use the memprobe that wrote it, or a newer one" },
	[DUMP_CORRUPT] = { "the content contradicts itself", HINT_DAMAGED },
	[DUMP_NO_BLOCK] = { "it is damaged: of what follows its header no block is whole",
			    HINT_DAMAGED },
	[DUMP_TOO_LARGE] = { "the content exceeds the limits of a dump", HINT_DAMAGED },
};

void dump_error_text(const struct dump_error *error, char ret_text[DUMP_ERROR_TEXT_BYTES])
{
	char buffer[DUMP_ERROR_TEXT_BYTES];

	if (error->failure == DUMP_IO_ERROR) {
		snprintf(ret_text, DUMP_ERROR_TEXT_BYTES, "%s",
			 strerror_r(error->error_number, buffer, sizeof(buffer)));
		return;
	}
	if (error->failure == DUMP_NEWER) {
		snprintf(ret_text, DUMP_ERROR_TEXT_BYTES,
			 "format version %u is newer than %d, the newest this memprobe knows",
			 error->version, DUMP_VERSION);
		return;
	}
	snprintf(ret_text, DUMP_ERROR_TEXT_BYTES, "%s", texts[error->failure].sentence);
}

const char *dump_error_hint(const struct dump_error *error)
{
	if (error->failure == DUMP_IO_ERROR)
		return error_hint(ERROR_OF_READING, -error->error_number);
	return texts[error->failure].hint;
}
