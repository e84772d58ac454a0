/* SPDX-License-Identifier: BSD-2-Clause */
/* Which file a qualified name is taken from: a path leads each process to one of its own. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "inspect_request.h"
#include "inspect_sources.h"
#include "inspect_state.h"
#include "memory.h"
#include "target_root.h"

static char path[] = "/tmp/memprobe-source-XXXXXX";
static void *state;

/* A new file, as editors and deployments make them. */
static void put_class(const char *name)
{
	FILE *file;

	unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "class %s:\n    def f(self):\n        pass\n", name);
	assert_int_equal(fclose(file), 0);
}

static uint64_t changed_ns(void)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_ctim.tv_sec * 1000000000ULL + (uint64_t)status.st_ctim.tv_nsec;
}

static struct inspect_name_request *request_of(uint32_t process)
{
	struct inspect_name_request *request = xcalloc(1, sizeof(*request));

	request->process = process;
	request->version = 0x0308;
	request->line = 2;
	request->source.is_here = 1;
	request->source.before_ns = INSPECT_ANY_AGE;
	request->source.user = target_user_of(geteuid(), getegid());
	strcpy(request->source.path, path);
	strcpy(request->name, "f");
	return request;
}

static void assert_answer(struct inspect_name_request *request, int status, const char *name)
{
	uint8_t bytes[QUALIFIED_NAME_MAX_BYTES + 1] = { 0 };
	struct inspect_reply reply = { .bytes = bytes, .capacity = sizeof(bytes), .fd = -1 };

	inspect_handle_name(state, request, sizeof(*request), &reply);
	assert_int_equal(reply.status, status);
	assert_string_equal((const char *)bytes, name);
	free(request);
}

static void each_process_asks_itself(void **unused)
{
	put_class("First");
	assert_answer(request_of(1), 0, "First.f");
	put_class("Second");
	assert_answer(request_of(1), 0, "First.f");
	assert_answer(request_of(2), 0, "Second.f");
	unlink(path);
	assert_answer(request_of(2), 0, "Second.f");
	assert_answer(request_of(3), -ENODATA, "");
	put_class("Third");
	assert_answer(request_of(3), -ENODATA, "");
	assert_answer(request_of(4), 0, "Third.f");
}

static void a_later_file_is_another(void **unused)
{
	struct inspect_name_request *request = request_of(5);

	put_class("Later");
	request->source.before_ns = changed_ns() - 1;
	assert_answer(request, -ESTALE, "");
	request = request_of(6);
	request->source.before_ns = changed_ns();
	assert_answer(request, 0, "Later.f");
}

/* Neither once the process has gone, nor where its number leads to another root by now. */
static void another_root_is_not_ours(void **unused)
{
	struct inspect_name_request *request = request_of(7);
	struct target_root here = target_root_here();

	put_class("Ours");
	request->source.is_here = 0;
	assert_answer(request, -ENODATA, "");
	request = request_of(8);
	request->source.is_here = 0;
	request->source.pid = getpid();
	request->source.root = (struct target_root){ here.inode, here.mount + 1 };
	assert_answer(request, -ENODATA, "");
	request = request_of(9);
	request->source.is_here = 0;
	request->source.pid = getpid();
	request->source.root = here;
	assert_answer(request, 0, "Ours.f");
	assert_answer(request_of(7), 0, "Ours.f"); /* it has left the other root */
}

static int begin(void **unused)
{
	int fd = mkstemp(path);

	state = inspect_state_new();
	return fd < 0 || close(fd);
}

static int end(void **unused)
{
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_process_asks_itself),
		cmocka_unit_test(a_later_file_is_another),
		cmocka_unit_test(another_root_is_not_ours),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
