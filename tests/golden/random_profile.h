/* SPDX-License-Identifier: BSD-2-Clause */
/* Profiles for tests of what is true of any. */
#ifndef MEMPROBE_RANDOM_PROFILE_H
#define MEMPROBE_RANDOM_PROFILE_H

#include "profile.h"

/* Begins with this number, NULL: another each time, which is printed. */
void random_begin(const char *wanted);
uint32_t random_below(uint32_t limit);

/* Three processes whose nodes come mixed. */
struct profile *random_profile_new(void);

/* All files that its functions may have. */
#define RANDOM_FILES 5
extern const char *const random_files[RANDOM_FILES];

#endif
