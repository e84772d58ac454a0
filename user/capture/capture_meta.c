/* SPDX-License-Identifier: BSD-2-Clause */
/* See capture_meta.h. */
#include "capture_meta.h"

#include <sys/utsname.h>
#include <time.h>

#include "memory.h"

static char **copy_words(char *const *words)
{
	size_t count = 0;
	char **copy;

	while (words[count])
		count++;
	copy = xcalloc(count + 1, sizeof(*copy));
	for (size_t i = 0; i < count; i++)
		copy[i] = xstrdup(words[i]);
	return copy;
}

void capture_meta_fill(const struct capture_options *options, struct profile_meta *ret)
{
	struct utsname system;

	uname(&system);
	ret->kernel = xstrdup(system.release);
	ret->host = xstrdup(system.nodename);
	ret->memprobe = xstrdup(MEMPROBE_VERSION);
	ret->options = xstrdup(options->options_text ? options->options_text : "");
	ret->started_s = time(NULL);
	ret->calls_mode = options->calls_mode;
	ret->has_threads = options->threads;
	if (options->command)
		ret->command = copy_words(options->command);
}
