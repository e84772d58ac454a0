/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking for texts, and checking what comes back; see inspect_texts.h. */
#include "inspect_texts.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "source_names.h"

/* Texts are strings without a NUL inside. */
static char *take_text(const uint8_t *bytes, size_t size)
{
	return size && !memchr(bytes, '\0', size) ? xstrndup((const char *)bytes, size) : NULL;
}

/* Exactly as many names as were asked for. */
static int take_names(const struct inspect_answer *answer, uint32_t count, char **ret_names)
{
	size_t at = 0;

	for (uint32_t i = 0; i < count; i++) {
		inspect_name_bytes bytes;

		if (answer->size - at < sizeof(bytes))
			return -EPROTO;
		memcpy(&bytes, answer->bytes + at, sizeof(bytes));
		at += sizeof(bytes);
		if (bytes == INSPECT_NAME_LATER)
			ret_names[i] = xstrdup(INSPECT_LATER);
		if (bytes == INSPECT_NAME_LATER || bytes == INSPECT_NAME_NONE)
			continue;
		if (bytes > MAX_NAME_BYTES || bytes > answer->size - at)
			return -EPROTO;
		ret_names[i] = bytes ? take_text(answer->bytes + at, bytes) : xstrdup("");
		at += bytes;
	}
	return at == answer->size ? 0 : -EPROTO;
}

int inspect_object_names(struct inspector *inspector, const struct inspect_objects_request *request,
			 char **ret_names)
{
	size_t size = offsetof(struct inspect_objects_request, objects) +
		      request->count * sizeof(request->objects[0]);
	struct inspect_answer answer;
	int status;

	memset(ret_names, 0, request->count * sizeof(*ret_names));
	status = inspector_ask(inspector, INSPECT_OBJECTS, request, size, &answer);
	if (!status)
		status = take_names(&answer, request->count, ret_names);
	inspect_answer_clear(&answer);
	return status;
}

int inspect_qualified_name(struct inspector *inspector, const struct inspect_name_request *request,
			   char **ret_name)
{
	struct inspect_answer answer;
	char *name = NULL;
	int status = inspector_ask(inspector, INSPECT_NAME, request, sizeof(*request), &answer);

	if (!status && answer.size <= QUALIFIED_NAME_MAX_BYTES)
		name = take_text(answer.bytes, answer.size);
	inspect_answer_clear(&answer);
	if (status)
		return status;
	*ret_name = name;
	return name ? 0 : -EPROTO;
}

int inspect_source_lines(struct inspector *inspector, const struct inspect_lines_request *request,
			 struct source_line *ret, uint64_t *ret_bytes)
{
	size_t size = offsetof(struct inspect_lines_request, numbers) +
		      request->count * sizeof(request->numbers[0]);
	struct inspect_answer answer;
	int status = inspector_ask(inspector, INSPECT_LINES, request, size, &answer);

	if (!status &&
	    answer.size != sizeof(*ret_bytes) + (size_t)request->count * SOURCE_LINE_BYTES)
		status = -EPROTO;
	if (!status)
		memcpy(ret_bytes, answer.bytes, sizeof(*ret_bytes));
	for (uint32_t i = 0; !status && i < request->count; i++) {
		memcpy(ret[i].text,
		       answer.bytes + sizeof(*ret_bytes) + (size_t)i * SOURCE_LINE_BYTES,
		       SOURCE_LINE_BYTES);
		ret[i].text[SOURCE_LINE_BYTES - 1] = '\0';
	}
	inspect_answer_clear(&answer);
	return status;
}

int inspect_process(struct inspector *inspector, pid_t pid, struct inspect_process *ret)
{
	const struct inspect_process_request request = { .pid = pid };
	struct inspect_answer answer;
	int status = inspector_ask(inspector, INSPECT_PROCESS, &request, sizeof(request), &answer);

	if (!status && answer.size != sizeof(*ret))
		status = -EPROTO;
	if (!status) {
		memcpy(ret, answer.bytes, sizeof(*ret));
		if (ret->command_bytes > sizeof(ret->command))
			status = -EPROTO;
	}
	inspect_answer_clear(&answer);
	return status;
}

enum python_jit inspect_jit(struct inspector *inspector, pid_t pid)
{
	struct inspect_process process;

	return inspect_process(inspector, pid, &process) || process.jit > PYTHON_JIT_UNKNOWN
		       ? PYTHON_JIT_UNKNOWN
		       : (enum python_jit)process.jit;
}

int inspect_variable(struct inspector *inspector, pid_t pid, const char *name, char **ret_value)
{
	struct inspect_variable_request request = { .pid = pid };
	struct inspect_answer answer;
	char *value = NULL;
	int status;

	snprintf(request.name, sizeof(request.name), "%s", name);
	status = inspector_ask(inspector, INSPECT_VARIABLE, &request, sizeof(request), &answer);
	if (!status)
		value = take_text(answer.bytes, answer.size);
	inspect_answer_clear(&answer);
	if (status)
		return status;
	*ret_value = value;
	return value ? 0 : -EPROTO;
}
