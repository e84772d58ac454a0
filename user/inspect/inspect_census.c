/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking for it, and checking what comes back; see inspect_census.h. */
#include "inspect_census.h"

#include <errno.h>

#include "inspect_request.h"
#include "target_freeze.h"

/* Of what an answer may take: the rest is for putting it in order, and for who gets little of the
 * processor. */
#define PATIENCE_PART 3 / 4

static int ask(struct inspector *inspector, const struct census_question *question,
	       struct census *ret)
{
	uint64_t most = inspector_patience_ns(inspector, INSPECT_CENSUS) * PATIENCE_PART;
	const struct inspect_census_request request = {
		.pid = question->pid,
		.budget_ns = question->budget_ns < most ? question->budget_ns : most,
	};
	struct inspect_answer answer;
	int status = inspector_ask(inspector, INSPECT_CENSUS, &request, sizeof(request), &answer);

	if (!status && census_read(answer.bytes, answer.size, ret))
		status = -EPROTO;
	inspect_answer_clear(&answer);
	return status;
}

int inspect_census(struct inspector *inspector, const struct census_question *question,
		   struct census *ret)
{
	struct target_freeze freeze;
	uint64_t frozen_ns;
	int error;

	if (!question->is_frozen)
		return ask(inspector, question, ret);
	error = target_freeze_begin(question->pid, &freeze);
	if (error)
		return error;
	error = ask(inspector, question, ret);
	frozen_ns = target_freeze_end(&freeze);
	if (!error)
		ret->frozen_ns = frozen_ns;
	return error;
}
