/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is found by a look into a process, and what the BPF side has learned meanwhile: the later
 * look must not take the earlier find away. Both sides are played here.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "file_change.h"
#include "inspect_python.h"
#include "interpreters.h"
#include "memory.h"

#define SLOT 5
#define IMAGE (MAX_IMAGES + SLOT)
#define TGID 1234

/* The BPF side, and what a look will find. */
static struct {
	struct wire_python python;
	struct wire_python learned; /* while the look lasts; state PYTHON_UNKNOWN: nothing */
	unsigned int nr_set;
	bool is_gone;
	int status;   /* of the look */
	uint64_t ino; /* of the file that it finds */
	int64_t changed_ns;
	uint64_t text_vaddr; /* what parts its builds */
	struct wire_file known, dropped;
	uint32_t known_layout;
	const char *path; /* of the file that a process maps */
} fake;

int inspect_place(struct inspector *inspector, pid_t pid, struct interpreter_cache *cache,
		  struct python_place *ret)
{
	const struct interpreter_entry entry = {
		.file = { .ino = fake.ino, .dev = 1 },
		.changed_ns = fake.changed_ns,
		.status = fake.status,
		.interpreter = { .version = "3.5.2",
				 .text_vaddr = fake.text_vaddr,
				 .reason = fake.status ? "it is too old" : NULL },
	};

	if (fake.learned.state != PYTHON_UNKNOWN)
		fake.python = fake.learned;
	if (fake.status && fake.status != -ENOTSUP)
		return fake.status;
	ret->index = interpreter_cache_adopt(cache, &entry);
	ret->bias = 0x1000;
	return fake.status;
}

int inspect_foresee(struct inspector *inspector, const char *path, const char *path_list,
		    const struct file_identity *program, struct interpreter_cache *cache)
{
	return -ENOENT;
}

int inspect_frames(struct inspector *inspector, pid_t pid, uint64_t bias,
		   const struct wire_layout *layout, struct python_frame **ret)
{
	*ret = NULL;
	return -EPROTO;
}

int loader_set_file(struct loader *loader, const struct wire_file *file,
		    const struct wire_file_layout *layout)
{
	fake.known = *file;
	fake.known_layout = layout->layout;
	return 0;
}

void loader_drop_file(struct loader *loader, const struct wire_file *file)
{
	fake.dropped = *file;
}

int inspect_file(struct inspector *inspector, pid_t pid, struct file_identity file)
{
	int fd = open(fake.path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int loader_set_layout(struct loader *loader, uint32_t index, const struct wire_layout *layout)
{
	return 0;
}

bool loader_is_live(const struct loader *loader, uint32_t slot, uint32_t image_id)
{
	return !fake.is_gone;
}

int loader_get_python(const struct loader *loader, uint32_t slot, struct wire_python *ret)
{
	assert_int_equal(slot, SLOT);
	*ret = fake.python;
	return 0;
}

int loader_set_python(struct loader *loader, uint32_t slot, const struct wire_python *python)
{
	assert_int_equal(slot, SLOT);
	fake.python = *python;
	fake.nr_set++;
	return 0;
}

bool loader_add_standing(struct loader *loader, uint32_t image_id, uint64_t frame)
{
	return true;
}

static struct found_python look(int status)
{
	struct interpreters *interpreters = interpreters_new(NULL, NULL);
	struct found_python found;

	fake.status = status;
	found = interpreters_resolve(interpreters, SLOT, IMAGE, TGID);
	if (found.version)
		assert_string_equal(found.version, "3.5.2");
	interpreters_free(interpreters);
	return found;
}

static int reset(void **state)
{
	memset(&fake, 0, sizeof(fake));
	return 0;
}

static void passes_on_what_it_finds(void **state)
{
	struct found_python found = look(0);

	assert_int_equal(found.layout, 0);
	assert_int_equal(fake.python.state, PYTHON_KNOWN);
	assert_int_equal(fake.python.bias, 0x1000);
	assert_int_equal(fake.python.image_id, IMAGE);
}

static void passes_on_that_there_is_none(void **state)
{
	struct found_python found = look(-ENOTSUP);

	assert_int_equal(found.layout, NO_LAYOUT);
	assert_non_null(found.version);
	assert_int_equal(fake.python.state, PYTHON_NONE);
}

static void keeps_what_was_learned(void **state)
{
	static const int statuses[] = { 0, -ENOTSUP };

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		struct found_python found;

		reset(state);
		fake.learned = (struct wire_python){
			.bias = 0x2000,
			.image_id = IMAGE,
			.layout = 3,
			.state = PYTHON_KNOWN,
		};
		found = look(statuses[i]);
		assert_int_equal(fake.nr_set, 0);
		assert_int_equal(fake.python.bias, 0x2000);
		assert_null(found.version);
		assert_true(found.is_told);
	}
}

/* What the slot's image before was is nobody's. */
static void replaces_what_was_of_another(void **state)
{
	fake.python = (struct wire_python){ .image_id = SLOT, .state = PYTHON_NONE };
	look(0);
	assert_int_equal(fake.python.state, PYTHON_KNOWN);
	assert_int_equal(fake.python.image_id, IMAGE);
}

static void leaves_what_is_gone(void **state)
{
	fake.is_gone = true;
	assert_true(look(0).is_told);
	assert_int_equal(fake.nr_set, 0);
}

static void says_what_is_denied(void **state)
{
	assert_true(look(-EACCES).is_denied);
	reset(state);
	assert_false(look(-ENOENT).is_denied);
	assert_int_equal(fake.nr_set, 0);
}

/* A copy more than there is room for is told of. */
static void says_that_there_is_no_room(void **state)
{
	struct interpreters *interpreters = interpreters_new(NULL, NULL);
	struct found_python found;

	for (; fake.ino < MAX_LAYOUTS; fake.ino++) {
		found = interpreters_resolve(interpreters, SLOT, IMAGE, TGID);
		assert_int_equal(found.layout, fake.ino);
		assert_null(found.reason);
		fake.python = (struct wire_python){ 0 };
	}
	found = interpreters_resolve(interpreters, SLOT, IMAGE, TGID);
	assert_int_equal(found.layout, NO_LAYOUT);
	assert_string_equal(found.version, "3.5.2");
	assert_non_null(found.reason);
	interpreters_free(interpreters);
}

static uint32_t find(struct interpreters *interpreters, int64_t changed_ns, uint64_t text_vaddr)
{
	fake.python = (struct wire_python){ 0 };
	fake.changed_ns = changed_ns;
	fake.text_vaddr = text_vaddr;
	return interpreters_resolve(interpreters, SLOT, IMAGE, TGID).layout;
}

/* A file that is written anew has another layout, unless it is what it was. The BPF side knows it
 * as it is now. */
static void tells_what_a_file_is_since_when(void **state)
{
	struct interpreters *interpreters = interpreters_new(NULL, NULL);

	assert_int_equal(find(interpreters, 100, 0x1000), 0);
	assert_int_equal(fake.known.changed_ns, 100);
	assert_int_equal(find(interpreters, 200, 0x2000), 1);
	assert_int_equal(fake.known.changed_ns, 200);
	assert_int_equal(fake.known_layout, 1);
	assert_int_equal(fake.dropped.changed_ns, 0);
	assert_int_equal(find(interpreters, 300, 0x1000), 0);
	assert_int_equal(fake.known.changed_ns, 300);
	assert_int_equal(fake.known_layout, 0);
	assert_int_equal(fake.dropped.changed_ns, 100);
	fake.known.changed_ns = 0;
	assert_int_equal(find(interpreters, 300, 0x1000), 0);
	assert_int_equal(fake.known.changed_ns, 0);
	interpreters_free(interpreters);
}

static int64_t change_time(void)
{
	struct stat status;

	assert_int_equal(stat(fake.path, &status), 0);
	return file_change_time(&status);
}

static void change(void)
{
	int64_t before_ns = change_time();

	while (change_time() == before_ns)
		assert_int_equal(chmod(fake.path, 0600), 0);
}

static int open_one(struct interpreters *interpreters)
{
	int fd = interpreters_open(interpreters, TGID, 0);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

/* Probes go where the layout says, so the file has to be that which it was made from. */
static void opens_what_is_the_same_build(void **state)
{
	struct interpreters *interpreters = interpreters_new(NULL, NULL);
	char path[] = "/tmp/memprobe-file-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	fake.path = path;
	find(interpreters, change_time(), 0x1000);
	assert_int_equal(open_one(interpreters), 0);
	change();
	fake.changed_ns = change_time();
	assert_int_equal(open_one(interpreters), 0);
	assert_int_equal(fake.known.changed_ns, fake.changed_ns);
	change();
	assert_int_equal(open_one(interpreters), -ESTALE); /* it changes again */
	fake.changed_ns = change_time();
	fake.text_vaddr = 0x2000;
	assert_int_equal(open_one(interpreters), -ESTALE);
	fake.status = -ENOENT;
	assert_int_equal(open_one(interpreters), -ESTALE);
	unlink(path);
	assert_int_equal(open_one(interpreters), -ENOENT);
	interpreters_free(interpreters);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(passes_on_what_it_finds, reset),
		cmocka_unit_test_setup(passes_on_that_there_is_none, reset),
		cmocka_unit_test_setup(keeps_what_was_learned, reset),
		cmocka_unit_test_setup(replaces_what_was_of_another, reset),
		cmocka_unit_test_setup(leaves_what_is_gone, reset),
		cmocka_unit_test_setup(says_what_is_denied, reset),
		cmocka_unit_test_setup(says_that_there_is_no_room, reset),
		cmocka_unit_test_setup(tells_what_a_file_is_since_when, reset),
		cmocka_unit_test_setup(opens_what_is_the_same_build, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
