/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes 8 MB when the process has taken its Python down. */
#include <stdlib.h>
#include <string.h>

#define TAKEN (8 << 20)

static void *volatile taken; /* or the compiler leaves it out */

__attribute__((destructor)) static void take(void)
{
	taken = malloc(TAKEN);
	memset(taken, 1, TAKEN);
}
