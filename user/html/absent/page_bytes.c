/* SPDX-License-Identifier: BSD-2-Clause */
/* In place of what build.mjs makes, in a build without npm: there is no page. */
#include "page.h"

const struct page_part page_head, page_tail;
