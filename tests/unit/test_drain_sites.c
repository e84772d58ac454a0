/* SPDX-License-Identifier: BSD-2-Clause */
/* Sites: their texts as UTF-8, names that need the source, parts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain_test.h"
#include "memory.h"
#include "inspect_request.h"

static const struct site *only_site(void)
{
	assert_int_equal(fixture.profile->nr_sites, 1);
	return &fixture.profile->sites[0];
}

static void test_site(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_SITE);
	assert_string_equal(text(only_site()->file), "/srv/app.py");
	assert_string_equal(text(only_site()->name), "Class.method");
	assert_int_equal(only_site()->line, 12);
	assert_int_equal(fixture.profile->blobs[only_site()->linetable].size, 4);
}

/* One code point of each width, beyond Unicode, and a surrogate. */
static void test_wide_names(void **state)
{
	static const uint32_t name[] = { 'a', 0x20ac, 0xd800 };
	size_t size;

	send_type(RECORD_IMAGE_BEGIN);
	size = drain_fixture_record(RECORD_SITE, &record);
	memcpy((char *)(&record.site + 1) + record.site.filename.bytes, name, sizeof(name));
	record.site.name = (struct wire_str){ .bytes = sizeof(name), .kind = 4, .truncated = 1 };
	send_record(size);
	assert_string_equal(text(only_site()->name), "a\xe2\x82\xac\xef\xbf\xbd\xe2\x80\xa6");
}

/* The longest names of the widest characters, each 4 bytes in UTF-8 as well, cut off. */
static void test_longest_names(void **state)
{
	const uint32_t character = 0x10ffff;
	size_t size = sizeof(struct wire_site) + MAX_NAME_BYTES;
	struct wire_site *site = xcalloc(1, size);

	send_type(RECORD_IMAGE_BEGIN);
	drain_fixture_record(RECORD_SITE, &record);
	*site = record.site;
	site->filename = (struct wire_str){ .missing = 1 };
	site->name = (struct wire_str){ .bytes = MAX_NAME_BYTES, .kind = 4, .truncated = 1 };
	site->linetable_bytes = 0;
	for (size_t i = 0; i < MAX_NAME_BYTES; i += sizeof(character))
		memcpy((char *)(site + 1) + i, &character, sizeof(character));
	fake_loader_send(site, size);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(refused(), 0);
	assert_string_equal(text(only_site()->file), "?");
	assert_int_equal(strlen(text(only_site()->name)), MAX_NAME_BYTES + 3);
	free(site);
}

static void test_native_site(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	drain_fixture_record(RECORD_SITE, &record);
	record.site.kind = SITE_NATIVE;
	record.site.version = 0;
	record.site.filename.bytes = record.site.linetable_bytes = 0;
	record.site.name.bytes = COMM_BYTES;
	send_record(sizeof(record.site) + COMM_BYTES);
	assert_string_equal(text(only_site()->name), "/srv/app.pyClass");
	assert_int_equal(refused(), 0);
}

static void test_split(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_SITE);
	drain_set_parts(fixture.drain, true, "Class");
	send_type(RECORD_SPLIT);
	assert_int_equal(fixture.profile->nr_sites, 2);
	assert_int_equal(fixture.profile->sites[1].part_object, 1);
	assert_string_equal(text(fixture.profile->objects[0].class_name), "Class");
}

/* Up to 3.8 code objects keep the script's name as it was given. */
static void test_relative_file(void **state)
{
	size_t size;

	send_type(RECORD_IMAGE_BEGIN);
	fixture.profile->processes[0].directory = string_pool_add(&fixture.profile->strings,
								  "/home/user");
	size = drain_fixture_record(RECORD_SITE, &record);
	record.site.version = 0x0308;
	memcpy(&record.site + 1, "./a/app2.py", 11);
	send_record(size);
	assert_string_equal(text(only_site()->file), "/home/user/a/app2.py");
}

/* The user that names a file; root that was given up does not come back. */
static void test_user(void **state)
{
	static const uint32_t uids[] = { 0, 1000, 0 }, expected[] = { 0, 1000, 1000 };

	send_type(RECORD_IMAGE_BEGIN);
	assert_false(fixture.profile->processes[0].has_user);
	for (size_t i = 0; i < ARRAY_SIZE(uids); i++) {
		size_t size = drain_fixture_record(RECORD_SITE, &record);

		record.site.site = FIXTURE_SITE + i;
		record.site.uid = uids[i];
		send_record(size);
		assert_int_equal(fixture.profile->processes[0].uid, expected[i]);
	}
}

/* A part whose whole is not known is none. */
static void test_split_of_nothing(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_SPLIT);
	assert_int_equal(fixture.profile->nr_sites, 0);
	assert_int_equal(refused(), 0);
}

/* ---- Names that need the source ---- */

static void handle_name(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	const struct inspect_name_request *name = request;

	if (!strcmp(name->source.path, "/srv/dies.py"))
		_exit(0);
	memcpy(reply->bytes, "Outer.f", 7);
	reply->size = 7;
	reply->status = 0;
	if (!strcmp(name->source.path, "/srv/none.py"))
		reply->status = -ENODATA;
	else if (!strcmp(name->source.path, "/srv/lack.py"))
		reply->status = -ENOENT;
	else if (!strcmp(name->source.path, "/srv/changed.py"))
		reply->status = -ESTALE;
	else if (!strcmp(name->source.path, "/srv/second.py"))
		reply->status = name->process == 1 ? 0 : -ENODATA;
	else if (!strcmp(name->source.path, "/srv/where.py"))
		memcpy(reply->bytes, name->source.is_here ? "Ours..f" : "Other.f", 7);
}

/* The living process is gone; what is left is one file. */
static void handle_lines(void *state, const void *given, size_t size, struct inspect_reply *reply)
{
	const struct inspect_lines_request *request = given;
	const inspect_lines_bytes bytes = 0;

	if (!request->source.is_here)
		reply->status = -ESRCH;
	else if (strcmp(request->source.path, "/home/user/body.py") != 0)
		reply->status = -ENOENT;
	memcpy(reply->bytes, &bytes, sizeof(bytes));
	reply->size = reply->status ? 0 : sizeof(bytes);
}

static const struct inspect_kind kinds[NR_INSPECT_TARGETS] = {
	[INSPECT_NAME] = { "names", sizeof(struct inspect_name_request), 4096, handle_name },
	[INSPECT_LINES] = { "lines", sizeof(struct inspect_lines_request), 4096, handle_lines },
};

static const struct inspect_service service = { kinds, NR_INSPECT_TARGETS, NULL };

/* Of what is sent. */
static struct target_root root;
static uint32_t slot_of_sites = FIXTURE_SLOT;

/* Sends a function f of a file. */
static const struct site *site_in(const char *file, uint16_t version, uint64_t key)
{
	size_t length = strlen(file);

	drain_fixture_record(RECORD_SITE, &record);
	record.site.site = key;
	record.site.firstlineno = (int32_t)key;
	record.site.version = version;
	record.site.head.image_id = 3 * MAX_IMAGES + slot_of_sites;
	record.site.root_inode = root.inode;
	record.site.root_mount = (uint32_t)root.mount;
	record.site.filename.bytes = (uint32_t)length;
	record.site.name.bytes = 1;
	record.site.linetable_bytes = 0;
	memcpy(&record.site + 1, file, length);
	((char *)(&record.site + 1))[length] = 'f';
	send_record(sizeof(record.site) + length + 1);
	return &fixture.profile->sites[fixture.profile->nr_sites - 1];
}

static const char *name_in(const char *file, uint64_t key)
{
	return text(site_in(file, 0x0308, key)->name);
}

/* From 3.9 on a relative name may be none of a file's. */
static void test_relative_names(void **state)
{
	static const struct {
		const char *name, *file;
	} cases[] = {
		{ "body.py", "/home/user/body.py" }, { "./body.py", "/home/user/body.py" },
		{ "main.pyx", "main.pyx" },	     { "<string>", "<string>" },
		{ "/a/body.py", "/a/body.py" },	     { "body.py", "/home/user/body.py" },
	};
	struct inspector *inspector = inspector_new(&service);

	send_type(RECORD_IMAGE_BEGIN);
	fixture.profile->processes[0].directory = string_pool_add(&fixture.profile->strings,
								  "/home/user");
	drain_set_inspector(fixture.drain, inspector, NULL);
	root = target_root_here();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(text(site_in(cases[i].name, 0x030b, i + 1)->file),
				    cases[i].file);
	inspector_free(inspector);
	root = (struct target_root){ 0 };
}

/* What imports greenlet may leave frames of it waiting. */
static void test_greenlet(void **state)
{
	static const struct {
		const char *file;
		bool is_greenlet;
	} cases[] = {
		{ "/srv/app.py", false },
		{ "/lib/mygreenlet/__init__.py", false },
		{ "/lib/greenlet/__init__.pyx", false },
		{ "/lib/greenlet/__init__.py", true },
		{ "greenlet/__init__.py", true },
	};

	send_type(RECORD_IMAGE_BEGIN);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture.profile->processes[0].kept_reason = 0;
		site_in(cases[i].file, 0x030b, i + 1);
		assert_int_equal(!!fixture.profile->processes[0].kept_reason, cases[i].is_greenlet);
	}
}

/* What nobody could look up is counted: each name of the file, which is read no more. That a source
 * is not there, or lacks what runs, is no loss; the latter is told once a file. */
static void test_unanswered_names(void **state)
{
	struct inspector *inspector = inspector_new(&service);
	const struct loss_count *loss;

	send_type(RECORD_IMAGE_BEGIN);
	loss = &fixture.profile->processes[0].losses[LOSS_name_unanswered];
	drain_set_inspector(fixture.drain, inspector, NULL);
	assert_string_equal(name_in("/srv/good.py", 1), "Outer.f");
	assert_string_equal(name_in("/srv/none.py", 2), "f");
	assert_string_equal(name_in("/srv/lack.py", 11), "f");
	assert_string_equal(name_in("/srv/lack.py", 12), "f");
	assert_int_equal(fixture.heard.sources, 1);
	assert_int_equal(loss->events, 0);
	for (uint64_t key = 3; key < 10; key++)
		assert_string_equal(name_in("/srv/dies.py", key), "f");
	assert_int_equal(loss->events, 7);
	assert_string_equal(name_in("/srv/good.py", 10), "Outer.f");
	assert_int_equal(loss->events, 7);
	inspector_free(inspector);
}

/* What is known of a file is known of one process and one root. */
static void test_names_of_each(void **state)
{
	const struct target_root here = target_root_here();
	struct inspector *inspector = inspector_new(&service);

	send_type(RECORD_IMAGE_BEGIN);
	drain_set_inspector(fixture.drain, inspector, NULL);
	assert_string_equal(name_in("/srv/second.py", 1), "f");
	assert_string_equal(name_in("/srv/changed.py", 2), "f");
	assert_string_equal(name_in("/srv/changed.py", 3), "f");
	assert_int_equal(fixture.heard.sources, 1);
	assert_string_equal(name_in("/srv/where.py", 4), "Other.f");
	root = here;
	assert_string_equal(name_in("/srv/where.py", 5), "Ours..f");
	root.inode++;
	assert_string_equal(name_in("/srv/where.py", 6), "Other.f");
	root = (struct target_root){ 0 };
	drain_fixture_record(RECORD_IMAGE_BEGIN, &record);
	record.begin.slot = ++slot_of_sites;
	record.begin.head.image_id = 3 * MAX_IMAGES + slot_of_sites;
	record.begin.tgid--;
	send_record(sizeof(record.begin));
	assert_string_equal(name_in("/srv/second.py", 7), "Outer.f");
	slot_of_sites = FIXTURE_SLOT;
	assert_string_equal(name_in("/srv/second.py", 8), "f");
	inspector_free(inspector);
}

/* ---- Names that the BPF side could not read ---- */

static void handle_code(void *state, const void *given, size_t size, struct inspect_reply *reply)
{
	const struct inspect_memory_request *request = given;
	struct inspect_code *answer = (struct inspect_code *)reply->bytes;

	memset(answer, 0, sizeof(*answer));
	answer->line = (int32_t)(request->address & 0xff);
	if (request->layout.version == 0x030b && request->address < 0x2000)
		memcpy(answer->name, "Pool.work", sizeof("Pool.work"));
	reply->size = sizeof(*answer);
	reply->status = 0;
}

static const struct inspect_kind code_kinds[NR_INSPECT_TARGETS] = {
	[INSPECT_CODE] = { "code", sizeof(struct inspect_memory_request),
			   sizeof(struct inspect_code), handle_code },
};

static const struct inspect_service code_service = { code_kinds, NR_INSPECT_TARGETS, NULL };

/* The name of the site of that code object, of which the BPF side has the file alone. */
static const char *name_of(uint64_t code, int32_t line)
{
	drain_fixture_record(RECORD_SITE, &record);
	record.site.site = code << 8 | (uint32_t)line;
	record.site.code = code;
	record.site.firstlineno = line;
	record.site.code_flags = 0;
	record.site.name = (struct wire_str){ .missing = 1 };
	record.site.linetable_bytes = 0;
	send_record(sizeof(record.site) + record.site.filename.bytes);
	return text(fixture.profile->sites[fixture.profile->nr_sites - 1].name);
}

/* They are asked for again; a loss is what cannot be read then either, or is another code object's
 * by now. */
static void test_names_read_again(void **state)
{
	struct inspector *inspector = inspector_new(&code_service);
	const uint32_t slot = FIXTURE_IMAGE % MAX_IMAGES, index = 2;
	struct wire_python python = { .image_id = FIXTURE_IMAGE,
				      .layout = (uint16_t)index,
				      .state = PYTHON_KNOWN };
	const struct wire_layout layout = { .version = 0x030b };
	const struct loss_count *loss;

	send_type(RECORD_IMAGE_BEGIN);
	loss = &fixture.profile->processes[0].losses[LOSS_name_unreadable];
	assert_string_equal(name_of(0x1007, 7), "?");
	assert_int_equal(loss->events, 1);
	drain_set_inspector(fixture.drain, inspector, NULL);
	assert_string_equal(name_of(0x1008, 8), "?");
	fake_loader_put("pythons", &slot, &python);
	fake_loader_put("layouts", &index, &layout);
	assert_int_equal(loss->events, 2);
	assert_string_equal(name_of(0x1009, 9), "Pool.work");
	assert_int_equal(loss->events, 2);
	assert_string_equal(name_of(0x100a, 11), "?");
	assert_string_equal(name_of(0x200c, 12), "?");
	assert_int_equal(loss->events, 4);
	python.image_id++;
	fake_loader_put("pythons", &slot, &python);
	assert_string_equal(name_of(0x100d, 13), "?");
	assert_int_equal(loss->events, 5);
	inspector_free(inspector);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_site),
		TEST(test_wide_names),
		TEST(test_longest_names),
		TEST(test_native_site),
		TEST(test_relative_file),
		TEST(test_relative_names),
		TEST(test_greenlet),
		TEST(test_user),
		TEST(test_split),
		TEST(test_split_of_nothing),
		TEST(test_unanswered_names),
		TEST(test_names_of_each),
		TEST(test_names_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
