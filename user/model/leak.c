/* SPDX-License-Identifier: BSD-2-Clause */
/* See leak.h. */
#include "leak.h"

bool leak_is_one(const struct leak *leak)
{
	return leak->beside < LEAK_REPLACES;
}
