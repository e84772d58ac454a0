/* SPDX-License-Identifier: BSD-2-Clause */
/* What was lost, in words and in sum; see profile.h. */
#include "profile.h"

static const struct {
	const char *sentence, *hint;
} loss_texts[NR_LOSSES] = {
#define LOSS(name, sentence, hint) [LOSS_##name] = { sentence, hint },
#include <memprobe/counters.def>
#undef LOSS
};

const char *loss_sentence(enum wire_loss loss)
{
	return loss_texts[loss].sentence;
}

const char *loss_hint(enum wire_loss loss)
{
	return loss_texts[loss].hint;
}

bool loss_is_process(enum wire_loss loss)
{
	return loss == LOSS_images_full || loss == LOSS_images_unsent;
}

bool loss_is_unmeasured(enum wire_loss loss)
{
	return loss_is_process(loss) || loss == LOSS_events_missed;
}

bool losses_any(const struct loss_count losses[NR_LOSSES])
{
	for (int loss = 0; loss < NR_LOSSES; loss++) {
		if (losses[loss].events || losses[loss].bytes)
			return true;
	}
	return false;
}

void losses_add(struct loss_count sum[NR_LOSSES], const struct loss_count more[NR_LOSSES])
{
	for (int loss = 0; loss < NR_LOSSES; loss++) {
		sum[loss].events += more[loss].events;
		sum[loss].bytes += more[loss].bytes;
		sum[loss].released += more[loss].released;
	}
}
