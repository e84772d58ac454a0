/* SPDX-License-Identifier: BSD-2-Clause */
/* The sections of a block in the order that a reader needs, and those of the whole capture; see
 * dump_encode.h. */
#include "dump_encode.h"

#include <stdlib.h>

#include "dump_meta.h"
#include "dump_section.h"

static void encode_capture(struct dump_encoder *encoder)
{
	const struct profile_meta *meta = &encoder->profile->meta;

	if (dump_digest_meta(meta) != encoder->marks->meta) {
		dump_meta_put(dump_section_for(encoder, TAG_META), meta);
		encoder->superseding += encoder->marks->meta ? encoder->section.size : 0;
	}
	packed_bytes_put_unsigned(dump_section_for(encoder, TAG_DURATION), meta->duration_ns);
	encoder->superseding += encoder->marks->meta ? encoder->section.size : 0;
}

static void encode_moment(struct dump_encoder *encoder)
{
	const struct moment *highest = &encoder->profile->highest;
	struct packed_bytes *to;

	if (highest->bytes == encoder->marks->highest &&
	    highest->rss_most == encoder->marks->rss_most)
		return;
	to = dump_section_for(encoder, TAG_MOMENT);
	packed_bytes_put_unsigned(to, highest->time_ns);
	packed_bytes_put_signed(to, highest->bytes);
	packed_bytes_put_signed(to, highest->rss);
	packed_bytes_put_unsigned(to, highest->nr_processes);
	encoder->superseding += encoder->marks->highest ? to->size : 0;
	to = dump_section_for(encoder, TAG_MOMENT_BOUND);
	packed_bytes_put_unsigned(to, highest->is_bound);
	packed_bytes_put_signed(to, highest->rss_most);
	encoder->superseding += encoder->marks->highest ? to->size : 0;
}

static void encode_snapshots(struct dump_encoder *encoder)
{
	const struct profile *profile = encoder->profile;
	struct packed_bytes *to;

	for (size_t i = encoder->marks->nr_snapshots; i < profile->nr_snapshots; i++) {
		to = dump_section_for(encoder, TAG_SNAPSHOTS);
		packed_bytes_put_unsigned(to, profile->snapshots[i] -
						      (i ? profile->snapshots[i - 1] : 0));
	}
}

uint64_t dump_encode(struct dump_block *block, const struct profile *profile,
		     const struct dump_marks *marks)
{
	struct dump_encoder encoder = { .block = block, .profile = profile, .marks = marks };

	dump_encode_find_changed(&encoder);
	encode_capture(&encoder);
	dump_encode_strings(&encoder);
	dump_encode_sites(&encoder);
	dump_encode_coroutines(&encoder);
	dump_encode_processes(&encoder);
	dump_encode_objects(&encoder);
	dump_encode_nodes(&encoder);
	dump_encode_costs(&encoder);
	dump_encode_owners(&encoder);
	dump_encode_held(&encoder);
	dump_encode_allocators(&encoder);
	dump_encode_allocs(&encoder);
	dump_encode_shares(&encoder);
	dump_encode_sources(&encoder);
	dump_encode_captures(&encoder);
	dump_encode_inside(&encoder);
	dump_encode_censuses(&encoder);
	dump_encode_histories(&encoder);
	dump_encode_series(&encoder);
	dump_encode_losses(&encoder);
	dump_encode_calls(&encoder);
	dump_encode_sightings(&encoder);
	encode_moment(&encoder);
	encode_snapshots(&encoder);
	dump_section_end(&encoder);
	packed_bytes_free(&encoder.section);
	free(encoder.changed);
	return encoder.superseding;
}
