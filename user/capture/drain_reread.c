/* SPDX-License-Identifier: BSD-2-Clause */
/* Names that are asked for again; see drain_reread.h. */
#include "drain_reread.h"

#include "inspect_python.h"
#include "loader.h"
#include "user_loss.h"

bool drain_reread_names(const struct drain_base *base, uint32_t process,
			const struct wire_site *record, struct inspected_code *ret)
{
	struct wire_python python;
	struct wire_layout layout;
	int status;

	if (!base->inspector || !loader_find_python(base->loader, record->head.image_id, &python) ||
	    loader_get_layout(base->loader, python.layout, &layout))
		return false;
	status = inspect_code(base->inspector, (pid_t)record->tgid, &layout, record->code, ret);
	if (inspector_is_blind(status))
		user_loss_add(base->profile, process, LOSS_name_unanswered, 1);
	if (status)
		return false;
	if (ret->line == record->firstlineno && ret->flags == record->code_flags)
		return true;
	inspected_code_clear(ret);
	return false;
}
