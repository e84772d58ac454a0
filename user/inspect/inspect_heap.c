/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking for it, and checking what comes back; see inspect_heap.h. */
#include "inspect_heap.h"

#include <errno.h>
#include <string.h>

#include "inspect_request.h"

/* Of what an answer may take, so that one that has used all of its budget is still heard. */
#define PATIENCE_PART 2

int inspect_heap(struct inspector *inspector, pid_t pid, uint64_t budget_ns,
		 struct heap_inside *ret)
{
	const struct heap_question question = { .pid = pid, .budget_ns = budget_ns };

	return inspect_standing_heap(inspector, &question, ret);
}

int inspect_standing_heap(struct inspector *inspector, const struct heap_question *question,
			  struct heap_inside *ret)
{
	uint64_t most = inspector_patience_ns(inspector, INSPECT_HEAP) / PATIENCE_PART;
	const struct inspect_heap_request request = {
		.pid = question->pid,
		.budget_ns = question->budget_ns < most ? question->budget_ns : most,
		.finalizing = question->finalizing,
	};
	struct heap_inside inside;
	struct inspect_answer answer;
	int status = inspector_ask(inspector, INSPECT_HEAP, &request, sizeof(request), &answer);

	if (!status && answer.size != sizeof(inside))
		status = -EPROTO;
	if (!status) {
		memcpy(&inside, answer.bytes, sizeof(inside));
		if (!heap_amounts_are_sane(&inside))
			status = -EPROTO;
	}
	inspect_answer_clear(&answer);
	if (!status)
		*ret = inside;
	return status;
}
