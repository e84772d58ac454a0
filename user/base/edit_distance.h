/* SPDX-License-Identifier: BSD-2-Clause */
/* How much one word must be changed to become another, for hints at what was meant. */
#ifndef MEMPROBE_EDIT_DISTANCE_H
#define MEMPROBE_EDIT_DISTANCE_H

#define EDIT_WORD_BYTES 32 /* longer words are far from everything */
#define EDIT_FAR 1000

/* Letters to insert, remove or exchange, or two neighbours to swap (the restricted distance of
 * Damerau and Levenshtein); EDIT_FAR for a word that is too long. */
int edit_distance(const char *a, const char *b);

#endif
