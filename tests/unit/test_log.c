/* SPDX-License-Identifier: BSD-2-Clause */
/* Notes that wait, as they come out on stderr in the end. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"

/* What is printed on stderr meanwhile. */
static int begin(int *ret_kept)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC);

	fflush(stderr);
	*ret_kept = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	return fd;
}

static void end(int fd, int kept, char *text, size_t size)
{
	ssize_t got;

	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	got = pread(fd, text, size - 1, 0);
	close(fd);
	assert_in_range(got, 0, size - 1);
	text[got] = '\0';
}

static size_t count(const char *text, const char *part)
{
	size_t found = 0;

	for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
		found++;
	return found;
}

static void keeps_some_of_each_kind(void **state)
{
	char text[8192];
	int kept, fd = begin(&kept);

	for (int i = 0; i < 300; i++)
		log_later("calls of %d", i);
	log_later("cannot walk '%s'", "python 2.7");
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	log_tell_later();
	log_tell_later();
	end(fd, kept, text, sizeof(text));
	assert_int_equal(count(text, "memprobe: calls of "), 8);
	assert_non_null(strstr(text, "memprobe: calls of 7\nmemprobe: cannot walk 'python 2.7'\n"));
	assert_int_equal(count(text, "memprobe: 292 more notes like these\n"), 1);
}

static void tells_at_once_or_never(void **state)
{
	char text[256];
	int kept, fd = begin(&kept);

	log_set_level(LOG_QUIET);
	log_later("unsaid");
	log_set_level(LOG_DECISIONS);
	log_later("at once");
	log_set_level(LOG_NORMAL);
	log_later("later");
	end(fd, kept, text, sizeof(text));
	assert_string_equal(text, "memprobe: at once\n");
	fd = begin(&kept);
	log_tell_later();
	end(fd, kept, text, sizeof(text));
	assert_string_equal(text, "memprobe: later\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_some_of_each_kind),
		cmocka_unit_test(tells_at_once_or_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
