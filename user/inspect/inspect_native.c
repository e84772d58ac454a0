/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking for them, and checking what comes back; see inspect_native.h. */
#include "inspect_native.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "memory.h"

#define MAX_ERRNO 4095

static bool is_sane(const struct inspect_unwind *head, size_t size)
{
	if (head->nr_rows > UNWIND_MAX_ROWS || head->nr_rules > UNWIND_MAX_RULES ||
	    size != sizeof(*head) + head->nr_rows * sizeof(struct wire_unwind_row) +
			    head->nr_rules * sizeof(struct wire_unwind_rule))
		return false;
	if (head->nr_others > INSPECT_UNWIND_OTHERS)
		return false;
	return head->status <= 0 && head->status >= -MAX_ERRNO &&
	       !head->status == (head->nr_rows != 0) && head->file.ino && !head->file.pad &&
	       memchr(head->path, '\0', sizeof(head->path));
}

int inspect_native_take(const uint8_t *bytes, size_t size, struct inspected_unwind *ret)
{
	_cleanup_(freep) struct inspect_unwind *head = xcalloc(1, sizeof(*head));
	struct unwind_table *table = &ret->table;
	size_t rows_bytes;

	if (size < sizeof(*head))
		return -EPROTO;
	memcpy(head, bytes, sizeof(*head));
	if (!is_sane(head, size))
		return -EPROTO;
	bytes += sizeof(*head);
	rows_bytes = head->nr_rows * sizeof(*table->rows);
	*ret = (struct inspected_unwind){ .file = head->file, .status = head->status };
	table->nr_rows = head->nr_rows;
	table->nr_rules = head->nr_rules;
	table->rows = xmemdup(bytes, rows_bytes);
	table->rules = xmemdup(bytes + rows_bytes, head->nr_rules * sizeof(*table->rules));
	ret->path = xstrdup(head->path);
	memcpy(ret->others, head->others, sizeof(ret->others));
	ret->nr_others = head->nr_others;
	if (unwind_table_is_sane(table))
		return 0;
	inspected_unwind_clear(ret);
	return -EPROTO;
}

static int ask(struct inspector *inspector, const struct inspect_unwind_request *request,
	       struct inspected_unwind *ret)
{
	struct inspect_answer answer;
	int status = inspector_ask(inspector, INSPECT_UNWIND, request, sizeof(*request), &answer);

	if (!status)
		status = inspect_native_take(answer.bytes, answer.size, ret);
	inspect_answer_clear(&answer);
	return status;
}

int inspect_unwind(struct inspector *inspector, pid_t pid, uint64_t address,
		   struct file_identity file, struct inspected_unwind *ret)
{
	_cleanup_(freep) struct inspect_unwind_request *request = xcalloc(1, sizeof(*request));

	request->pid = pid;
	request->address = address;
	request->file = file;
	return ask(inspector, request, ret);
}

int inspect_unwind_foresee(struct inspector *inspector, struct file_identity file, const char *path,
			   struct inspected_unwind *ret)
{
	_cleanup_(freep) struct inspect_unwind_request *request = xcalloc(1, sizeof(*request));

	if (strlen(path) >= sizeof(request->path))
		return -ENAMETOOLONG;
	request->file = file;
	memcpy(request->path, path, strlen(path) + 1);
	return ask(inspector, request, ret);
}

void inspected_unwind_clear(struct inspected_unwind *unwind)
{
	free(unwind->path);
	unwind_table_clear(&unwind->table);
	*unwind = (struct inspected_unwind){ 0 };
}

int inspect_functions(struct inspector *inspector, const struct inspect_functions_request *request,
		      struct function_name *ret)
{
	struct inspect_answer answer;
	int status = inspector_ask(inspector, INSPECT_FUNCTIONS, request, sizeof(*request),
				   &answer);
	const struct function_name *names = (const void *)answer.bytes;

	if (!status && answer.size != request->count * sizeof(*names))
		status = -EPROTO;
	for (uint32_t i = 0; i < request->count && !status; i++)
		if (!function_name_is_sane(&names[i]))
			status = -EPROTO;
	if (!status)
		memcpy(ret, names, answer.size);
	inspect_answer_clear(&answer);
	return status;
}
