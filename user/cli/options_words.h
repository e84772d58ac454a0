/* SPDX-License-Identifier: BSD-2-Clause */
/* Which choice a word is (options_choice), and what was meant by one that is no option, or no
 * choice of one, when something is near; NULL. */
#ifndef MEMPROBE_OPTIONS_WORDS_H
#define MEMPROBE_OPTIONS_WORDS_H

#include "options.h"

const char *options_near_name(const struct option_syntax *syntax, const char *name);
/* Of the first in a list of words, with commas between, that is none of the choices. */
const char *options_near_choice(option_choices choices, const char *list);

#endif
