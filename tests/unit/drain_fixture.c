/* SPDX-License-Identifier: BSD-2-Clause */
/* A drain to play with; see drain_fixture.h. */
#include "drain_fixture.h"

#include <string.h>

#include "memory.h"

static void hear_unknown(void *context, uint32_t slot, uint32_t image_id, uint32_t tgid)
{
	struct heard *heard = context;

	heard->unknown++;
	heard->tgid = tgid;
}

static void hear_program(void *context, uint32_t process, const struct wire_image_begin *record)
{
	struct heard *heard = context;

	heard->programs++;
	heard->process = process;
	heard->tgid = record->tgid;
}

static void hear_source(void *context, const char *path)
{
	struct heard *heard = context;

	heard->sources++;
}

static void hear_found(void *context, uint32_t process, uint32_t layout)
{
	struct heard *heard = context;

	heard->found++;
	heard->process = process;
	heard->layout = layout;
}

static void hear_over(void *context, uint32_t process)
{
	struct heard *heard = context;

	heard->over++;
	heard->process = process;
}

static void hear_watch(void *context, uint32_t process, uint32_t layout)
{
	struct heard *heard = context;

	heard->watches++;
	heard->process = process;
	heard->layout = layout;
}

static void name_objects(void *context, struct object_question *question)
{
	struct heard *heard = context;

	heard->asked += question->count;
	question->is_unanswered = heard->is_unanswered;
	for (size_t i = 0; i < question->count; i++)
		question->names[i] = heard->name ? xstrdup(heard->name) : NULL;
}

static void hear_unseen(void *context, uint32_t process)
{
	struct heard *heard = context;

	heard->unseen++;
	heard->process = process;
}

static void hear_rss(void *context, uint32_t process, const struct rss_sample *sample)
{
	struct heard *heard = context;

	heard->process = process;
	heard->sample = *sample;
}

static void hear_image_asked(void *context, uint32_t process)
{
	struct heard *heard = context;

	heard->programs_before = heard->programs;
}

static void hear_image_ended(void *context, uint32_t process)
{
	struct heard *heard = context;

	heard->image_ended++;
}

static void hear_attached(void *context, uint32_t tgid)
{
	struct heard *heard = context;

	heard->attached++;
	heard->tgid = tgid;
}

static void hear_process_ended(void *context, uint32_t tgid)
{
	struct heard *heard = context;

	heard->process_ended++;
	heard->tgid = tgid;
}

static void hear_main_ended(void *context, uint32_t process)
{
	struct heard *heard = context;

	heard->main_ended++;
}

static void hear_probes_lost(void *context, uint32_t tgid)
{
	struct heard *heard = context;

	heard->probes_lost++;
	heard->tgid = tgid;
}

void drain_fixture_open(struct drain_fixture *ret)
{
	const struct drain_listener listener = {
		.context = &ret->heard,
		.unknown_python = hear_unknown,
		.program_unknown = hear_program,
		.python_found = hear_found,
		.source_changed = hear_source,
		.calls_over = hear_over,
		.watch_wanted = hear_watch,
		.calls_unseen = hear_unseen,
		.name_objects = name_objects,
		.rss_changed = hear_rss,
		.image_asked = hear_image_asked,
		.image_ended = hear_image_ended,
		.attached = hear_attached,
		.process_ended = hear_process_ended,
		.main_ended = hear_main_ended,
		.probes_lost = hear_probes_lost,
	};

	*ret = (struct drain_fixture){ .profile = profile_new() };
	fake_loader_reset();
	ret->drain = drain_new(NULL, ret->profile, FIXTURE_START_NS);
	drain_listen(ret->drain, &listener);
}

void drain_fixture_close(struct drain_fixture *fixture)
{
	drain_free(fixture->drain);
	profile_free(fixture->profile);
	fake_loader_reset();
}

static size_t put_image_begin(void *ret)
{
	struct wire_image_begin *record = ret;

	record->slot = FIXTURE_SLOT;
	record->tgid = FIXTURE_TGID;
	record->ppid = 1;
	record->reason = BEGIN_EXEC;
	record->opening[KIND_ANON] = 10;
	record->opening[KIND_FILE] = 20;
	memcpy(record->comm, "python3", 7);
	memcpy(record->args, "python3\0app.py", 15);
	record->args_bytes = 15;
	return sizeof(*record);
}

static size_t put_balance(void *ret)
{
	struct wire_balance *record = ret;

	record->slot = FIXTURE_SLOT;
	record->tgid = FIXTURE_TGID;
	record->books[KIND_ANON] = 30;
	record->kernel[KIND_ANON] = 31;
	return sizeof(*record);
}

static size_t put_main_end(void *ret)
{
	struct wire_main_end *record = ret;

	record->tgid = FIXTURE_TGID;
	return sizeof(*record);
}

static size_t put_process_end(void *ret)
{
	struct wire_process_end *record = ret;

	record->tgid = FIXTURE_TGID;
	record->exit_code = 3 << 8;
	return sizeof(*record);
}

static size_t put_thread_end(void *ret)
{
	struct wire_thread_end *record = ret;

	record->thread.image_id = FIXTURE_IMAGE;
	record->thread.tid = FIXTURE_TGID;
	record->thread.growth = 7;
	memset(record->thread.comm, 'c', COMM_BYTES); /* no NUL */
	return sizeof(*record);
}

static size_t put_site(void *ret)
{
	static const char texts[] = "/srv/app.pyClass.method\x80\x01\x80\x02";
	struct wire_site *record = ret;

	record->site = FIXTURE_SITE;
	record->kind = SITE_PYTHON;
	record->firstlineno = 12;
	record->tgid = FIXTURE_TGID;
	record->version = 0x030b;
	record->filename = (struct wire_str){ .bytes = 11, .kind = 1, .ascii = 1 };
	record->name = (struct wire_str){ .bytes = 12, .kind = 1, .ascii = 1 };
	record->linetable_bytes = 4;
	memcpy(record + 1, texts, sizeof(texts) - 1);
	return sizeof(*record) + sizeof(texts) - 1;
}

static size_t put_object(void *ret)
{
	struct wire_object *record = ret;

	record->node.value = 77;
	record->object = FIXTURE_OBJECT;
	record->type = FIXTURE_TYPE;
	memset(record->class_name, 'C', MAX_CLASS_BYTES); /* no NUL */
	return sizeof(*record);
}

static size_t put_split(void *ret)
{
	struct wire_split *record = ret;

	record->site = FIXTURE_PART;
	record->whole = FIXTURE_SITE;
	record->object = FIXTURE_OBJECT;
	record->type = FIXTURE_TYPE;
	record->at = 1;
	memcpy(record->class_name, "package.Class", 13);
	return sizeof(*record);
}

static size_t put_knock(void *ret)
{
	struct wire_knock *record = ret;

	record->slot = FIXTURE_SLOT;
	record->tgid = FIXTURE_TGID;
	record->layout = MAX_LAYOUTS - 1;
	return sizeof(*record);
}

static size_t put_sample(void *ret)
{
	struct wire_sample *record = ret;

	record->rss = 100;
	record->anon = 60;
	return sizeof(*record);
}

size_t drain_fixture_record(uint32_t type, void *ret)
{
	static size_t (*const types[])(void *ret) = {
		[RECORD_IMAGE_BEGIN] = put_image_begin,
		[RECORD_IMAGE_END] = put_balance,
		[RECORD_PROCESS_END] = put_process_end,
		[RECORD_MAIN_END] = put_main_end,
		[RECORD_THREAD_END] = put_thread_end,
		[RECORD_SITE] = put_site,
		[RECORD_OBJECT] = put_object,
		[RECORD_SPLIT] = put_split,
		[RECORD_KNOCK] = put_knock,
		[RECORD_SAMPLE] = put_sample,
		[RECORD_BALANCE] = put_balance,
		[RECORD_FOUND] = put_knock,
		[RECORD_CALLS_OVER] = put_knock,
		[RECORD_WATCH] = put_knock,
		[RECORD_FINALIZING] = put_knock,
		[RECORD_WAKES] = put_knock,
	};
	struct wire_head *head = ret;

	memset(ret, 0, FIXTURE_MAX_BYTES);
	if (type >= ARRAY_SIZE(types) || !types[type])
		return 0;
	*head = (struct wire_head){
		.type = type,
		.image_id = FIXTURE_IMAGE,
		.time_ns = FIXTURE_START_NS + 50,
	};
	return types[type](ret);
}

void drain_fixture_send(struct drain_fixture *fixture, const void *record, size_t size)
{
	fake_loader_send(record, size);
	if (drain_all(fixture->drain))
		abort();
}

void drain_fixture_send_type(struct drain_fixture *fixture, uint32_t type)
{
	union fixture_record record;

	drain_fixture_send(fixture, &record, drain_fixture_record(type, &record));
}
