/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of objects, in the inspecting process. */
#include "inspect_objects.h"

#include <errno.h>
#include <string.h>

#include "inspect_state.h"
#include "inspect_texts.h"
#include "memory.h"
#include "python_class.h"
#include "python_object.h"

/* What was learned of a process helps with the next objects. */
static int find_process(struct inspect_state *state, pid_t pid, const struct wire_layout *layout,
			struct known_process **ret)
{
	uint64_t hash = hash_bytes(layout, sizeof(*layout), 0);
	struct known_process *process;
	int error;

	for (size_t i = 0; i < KNOWN_PROCESSES; i++) {
		process = &state->processes[i];
		if (process->memory.pid == pid && process->layout == hash &&
		    process_memory_is_there(&process->memory)) {
			*ret = process;
			return 0;
		}
	}
	process = &state->processes[state->next_process++ % KNOWN_PROCESSES];
	if (process->memory.pid)
		process_memory_close(&process->memory);
	process->memory.pid = 0;
	process->layout = hash;
	error = python_reader_init_process(&process->reader, layout, &process->memory);
	if (!error)
		error = process_memory_open(&process->memory, pid);
	if (error)
		process->memory.pid = 0;
	*ret = process;
	return error;
}

/* A block that was freed keeps its type, and 0 references: in 3.11 the allocator's link to the next
 * one then stands where the object's values were. 3.12 and later have flags above the low 32 bits
 * of the count. */
static bool is_alive(const struct python_reader *reader, const struct inspect_object *object)
{
	uint64_t references, type;

	return !python_reader_u64(reader, object->address + OBJECT_REFERENCES, &references) &&
	       (uint32_t)references &&
	       !python_reader_u64(reader, object->address + OBJECT_TYPE, &type) &&
	       type == object->type;
}

/* The first of the attributes that holds a str. *ret_is_there: one of them is there. */
static char *read_attribute(struct python_reader *reader, uint64_t object, const char *attributes,
			    bool *ret_is_there)
{
	_cleanup_(freep) char *list = xstrdup(attributes), *text = NULL;
	char *next = list, *attribute;

	while (!text && (attribute = strsep(&next, ","))) {
		int err = python_object_attribute(reader, object, attribute, &text);

		if (err)
			text = NULL;
		*ret_is_there |= !err || err == -ENOMSG;
	}
	return TAKE(text);
}

/* Where threading.Thread keeps the name that it was given (Lib/threading.py, 3.6 to 3.15). */
static char *read_thread_name(struct python_reader *reader, uint64_t object)
{
	_cleanup_(freep) char *text = NULL;

	if (python_object_attribute(reader, object, "_name", &text) ||
	    !python_class_derives(reader, object, "threading", "Thread"))
		return NULL;
	return TAKE(text);
}

/* What an object is called by one of the attributes, or as a thread; INSPECT_LATER where there is
 * one that holds no str yet. Another object may be there by now, or come meanwhile. */
static char *read_name(struct python_reader *reader, const struct inspect_object *object,
		       const char *attributes)
{
	struct python_pages *pages = reader->pages;
	_cleanup_(freep) char *text = NULL;
	bool is_there = false, is_same;

	if (!is_alive(reader, object))
		return NULL;
	text = read_attribute(reader, object->address, attributes, &is_there);
	if (!is_there)
		text = read_thread_name(reader, object->address);
	if (!is_there && !text)
		return NULL;
	python_reader_end(reader);
	is_same = is_alive(reader, object);
	reader->pages = pages;
	if (!is_same)
		return NULL;
	return text ? TAKE(text) : xstrdup(INSPECT_LATER);
}

static void add_name(struct inspect_reply *reply, const char *text)
{
	inspect_name_bytes told = INSPECT_NAME_NONE;
	size_t length = text ? strlen(text) : 0;
	bool is_text = text && length <= MAX_NAME_BYTES && strcmp(text, INSPECT_LATER) != 0;

	if (is_text)
		told = (inspect_name_bytes)length;
	else if (text)
		told = INSPECT_NAME_LATER;
	memcpy(reply->bytes + reply->size, &told, sizeof(told));
	reply->size += sizeof(told);
	if (!is_text)
		return;
	memcpy(reply->bytes + reply->size, text, length);
	reply->size += length;
}

void inspect_handle_objects(void *context, const void *given, size_t size,
			    struct inspect_reply *reply)
{
	const struct inspect_objects_request *request = given;
	struct known_process *process;
	struct python_pages pages;

	reply->status = find_process(context, request->pid, &request->layout, &process);
	if (reply->status)
		return;
	python_reader_begin(&process->reader, &pages);
	for (uint32_t i = 0; i < request->count; i++) {
		_cleanup_(freep) char *name = read_name(&process->reader, &request->objects[i],
							request->attributes);

		add_name(reply, name);
	}
	python_reader_end(&process->reader);
	process_memory_forget(&process->memory);
}
