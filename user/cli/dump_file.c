/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading dumps; see dump_file.h. */
#include "dump_file.h"

#include "dump.h"
#include "log.h"

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
