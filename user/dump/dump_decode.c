/* SPDX-License-Identifier: BSD-2-Clause */
/* Which section is whose, and those of the whole capture; see dump_decode.h. */
#include "dump_decode.h"

#include <errno.h>

#include "dump_format.h"
#include "dump_take.h"
#include "memory.h"

static void free_words(char **words)
{
	for (char **word = words; word && *word; word++)
		free(*word);
	free(words);
}

static void replace_text(char **text, struct packed_cursor *from)
{
	free(*text);
	*text = packed_cursor_text(from);
}

/* NULL-terminated; a word is a byte of the section at least. */
static char **take_words(struct packed_cursor *from)
{
	uint64_t counted = packed_cursor_unsigned(from, (uint64_t)(from->end - from->at));
	char **words;
	size_t length;

	if (!counted)
		return NULL;
	words = xcalloc(counted, sizeof(*words));
	for (size_t i = 0; i + 1 < counted && !from->is_bad; i++) {
		const char *word = packed_cursor_string(from, &length);

		words[i] = xstrndup(word, length);
	}
	return words;
}

static int decode_meta(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile_meta *meta = &decoder->profile->meta;

	free_words(meta->command);
	meta->command = take_words(from);
	meta->started_s = packed_cursor_signed(from, DUMP_MAX_TIME_NS / 1000000000);
	replace_text(&meta->kernel, from);
	replace_text(&meta->memprobe, from);
	replace_text(&meta->host, from);
	replace_text(&meta->options, from);
	meta->calls_mode = dump_take_id(from, CALLS_MODE_EXACT + 1);
	return dump_result_of(from);
}

static int decode_duration(struct dump_decoder *decoder, struct packed_cursor *from)
{
	decoder->profile->meta.duration_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);
	return dump_result_of(from);
}

static int decode_moment(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct moment *highest = &decoder->profile->highest;

	highest->time_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);
	highest->bytes = packed_cursor_signed(from, DUMP_MAX_AMOUNT);
	highest->rss = packed_cursor_signed(from, DUMP_MAX_AMOUNT);
	highest->nr_processes = dump_take_id(from, DUMP_MAX_PROCESSES + 1);
	return dump_result_of(from);
}

static int decode_moment_bound(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct moment *highest = &decoder->profile->highest;

	highest->is_bound = packed_cursor_unsigned(from, 1);
	highest->rss_most = packed_cursor_signed(from, DUMP_MAX_AMOUNT);
	return dump_result_of(from);
}

static int decode_snapshots(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint64_t last = profile->nr_snapshots
					? profile->snapshots[profile->nr_snapshots - 1]
					: 0;
		uint64_t after = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS - last);

		if (from->is_bad || profile->nr_snapshots == PROFILE_MAX_SNAPSHOTS)
			return -EBADMSG;
		profile_add_snapshot(profile, last + after);
	}
	return dump_result_of(from);
}

static const struct {
	uint64_t tag;
	int (*decode)(struct dump_decoder *decoder, struct packed_cursor *from);
} sections[] = {
	{ TAG_META, decode_meta },
	{ TAG_DURATION, decode_duration },
	{ TAG_TEXTS, dump_decode_texts },
	{ TAG_SITE_COLUMNS, dump_decode_site_columns },
	{ TAG_COROUTINES, dump_decode_coroutines },
	{ TAG_PROCESSES, dump_decode_processes },
	{ TAG_NEW_OBJECTS, dump_decode_new_objects },
	{ TAG_OBJECTS, dump_decode_objects },
	{ TAG_TREE, dump_decode_tree },
	{ TAG_COSTS, dump_decode_costs },
	{ TAG_OWNERS, dump_decode_owners },
	{ TAG_HELD, dump_decode_held },
	{ TAG_HEAP, dump_decode_heap },
	{ TAG_ALLOCATORS, dump_decode_allocators },
	{ TAG_ALLOCS, dump_decode_allocs },
	{ TAG_SHARES, dump_decode_shares },
	{ TAG_SOURCES, dump_decode_sources },
	{ TAG_CAPTURES, dump_decode_captures },
	{ TAG_INSIDE, dump_decode_inside },
	{ TAG_CENSUS, dump_decode_census },
	{ TAG_HISTORIES, dump_decode_histories },
	{ TAG_ALLOC_HISTORIES, dump_decode_alloc_histories },
	{ TAG_TAKEN_HISTORIES, dump_decode_taken_histories },
	{ TAG_SAMPLES, dump_decode_samples },
	{ TAG_THREADS, dump_decode_threads },
	{ TAG_LOSSES, dump_decode_losses },
	{ TAG_LOSSES_RELEASED, dump_decode_losses_released },
	{ TAG_CALL_RUNS, dump_decode_call_runs },
	{ TAG_SIGHTED, dump_decode_sighted },
	{ TAG_MOMENT, decode_moment },
	{ TAG_MOMENT_BOUND, decode_moment_bound },
	{ TAG_SNAPSHOTS, decode_snapshots },
	/* Version 1 */
	{ TAG_STRINGS, dump_decode_strings },
	{ TAG_SITES, dump_decode_sites },
	{ TAG_NODES, dump_decode_nodes },
	{ TAG_CALLS, dump_decode_calls },
	{ TAG_SIGHTINGS, dump_decode_sightings },
};

int dump_decode_section(struct dump_decoder *decoder, uint64_t tag, const uint8_t *bytes,
			size_t size)
{
	struct packed_cursor from = { .at = bytes, .end = bytes + size };
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		if (sections[i].tag != tag)
			continue;
		err = sections[i].decode(decoder, &from);
		if (!err && (from.is_bad || from.at != from.end))
			err = -EBADMSG;
		return err;
	}
	return 0;
}
