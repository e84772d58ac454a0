/* SPDX-License-Identifier: BSD-2-Clause */
/* Row by row; see edit_distance.h. */
#include "edit_distance.h"

#include <stddef.h>
#include <string.h>

static int least(int a, int b)
{
	return a < b ? a : b;
}

int edit_distance(const char *a, const char *b)
{
	/* distances[i][j]: of the first i letters of a and the first j of b */
	int distances[EDIT_WORD_BYTES + 1][EDIT_WORD_BYTES + 1];
	size_t a_length = strlen(a), b_length = strlen(b);

	if (a_length > EDIT_WORD_BYTES || b_length > EDIT_WORD_BYTES)
		return EDIT_FAR;
	for (size_t i = 0; i <= a_length; i++) {
		for (size_t j = 0; j <= b_length; j++) {
			int *distance = &distances[i][j];

			*distance = (int)(i + j); /* one of them is empty */
			if (!i || !j)
				continue;
			*distance = distances[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			*distance = least(*distance, distances[i - 1][j] + 1);
			*distance = least(*distance, distances[i][j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				*distance = least(*distance, distances[i - 2][j - 2] + 1);
		}
	}
	return distances[a_length][b_length];
}
