/* SPDX-License-Identifier: BSD-2-Clause */
/* See dump_meta.h. */
#include "dump_meta.h"

#include <string.h>

void dump_meta_put(struct packed_bytes *to, const struct profile_meta *meta)
{
	size_t count = 0;

	while (meta->command && meta->command[count])
		count++;
	packed_bytes_put_unsigned(to, meta->command ? count + 1 : 0);
	for (size_t i = 0; i < count; i++)
		packed_bytes_put_counted(to, meta->command[i], strlen(meta->command[i]));
	packed_bytes_put_signed(to, meta->started_s);
	packed_bytes_put_text(to, meta->kernel);
	packed_bytes_put_text(to, meta->memprobe);
	packed_bytes_put_text(to, meta->host);
	packed_bytes_put_text(to, meta->options);
	packed_bytes_put_unsigned(to, meta->calls_mode);
}
