/* SPDX-License-Identifier: BSD-2-Clause */
/* Amounts as clauses, parted by commas; see report_inside.h. */
#include "report_inside.h"

#include <inttypes.h>
#include <stdbool.h>

#include "heap_cure.h"
#include "report_number.h"

struct clauses {
	struct sink *sink;
	bool is_next; /* a clause stands before */
};

static bool was_read(uint32_t state)
{
	return state == HEAP_READ || state == HEAP_PARTLY;
}

static void begin(struct clauses *to)
{
	if (to->is_next)
		sink_text(to->sink, ", ");
	to->is_next = true;
}

static void put(struct clauses *to, uint64_t bytes, const char *what)
{
	begin(to);
	report_mb(to->sink, 0, (int64_t)bytes);
	sink_printf(to->sink, " MB %s", what);
}

static void put_python(struct clauses *to, const struct heap_inside *inside)
{
	bool has_pymalloc = was_read(inside->pymalloc_state);
	bool has_mimalloc = was_read(inside->mimalloc_state);

	if (has_pymalloc) {
		put(to, inside->pymalloc_used, "in use by Python objects");
		put(to, inside->pymalloc_free, "free in pymalloc (");
		report_mb(to->sink, 0, (int64_t)inside->pymalloc_free_arenas);
		sink_text(to->sink, " MB whole arenas)");
	}
	if (has_mimalloc) {
		put(to, inside->mimalloc_used, "in use in mimalloc");
		put(to, inside->mimalloc_free, "free in it (");
		report_mb(to->sink, 0, (int64_t)inside->mimalloc_free_pages);
		sink_text(to->sink, " MB whole pages)");
	}
}

static void put_malloc(struct clauses *to, const struct heap_inside *inside)
{
	if (!was_read(inside->malloc_state))
		return;
	put(to, inside->malloc_free, "free in malloc (");
	report_mb(to->sink, 0, (int64_t)inside->malloc_free_pages);
	sink_text(to->sink, " MB whole pages: malloc_trim would give them back; ");
	if (inside->malloc_free_absent) {
		report_mb(to->sink, 0, (int64_t)inside->malloc_free_absent);
		sink_text(to->sink, " MB not in memory; ");
	}
	sink_printf(to->sink, "%" PRIu32 " %s)", inside->nr_arenas,
		    inside->nr_arenas == 1 ? "arena" : "arenas");
	put(to, inside->malloc_used + inside->malloc_mapped, "malloc'ed by C code");
	if (was_read(inside->pymalloc_state))
		sink_text(to->sink, " and for objects above 512 bytes");
}

static void put_unknown(struct clauses *to, const struct heap_inside *inside)
{
	if (inside->pymalloc_state == HEAP_UNKNOWN) {
		begin(to);
		sink_text(to->sink, "pymalloc not known");
	}
	if (inside->mimalloc_state == HEAP_UNKNOWN) {
		begin(to);
		sink_text(to->sink, "mimalloc not known");
	}
	if (inside->malloc_state == HEAP_UNKNOWN) {
		begin(to);
		sink_printf(to->sink, "malloc (%s) not known",
			    *inside->malloc_name ? inside->malloc_name : "another one");
	}
	if (!to->is_next)
		sink_text(to->sink, "no allocator that can be read");
}

static void write_rss(const struct heap_inside *inside, struct sink *sink)
{
	int64_t rest = heap_inside_rest(inside);

	sink_text(sink, "  RSS ");
	report_mb(sink, 0, (int64_t)inside->rss);
	sink_text(sink, " MB, ");
	report_mb(sink, 0, rest < 0 ? -rest : rest);
	sink_text(sink, rest < 0 ? " MB less than these: blocks not touched yet, or swapped out\n"
				 : " MB of it none of these\n");
}

static void write_partly(const struct heap_inside *inside, struct sink *sink)
{
	if (inside->malloc_state != HEAP_PARTLY && inside->pymalloc_state != HEAP_PARTLY &&
	    inside->mimalloc_state != HEAP_PARTLY)
		return;
	if (inside->torn)
		sink_printf(sink,
			    "  Read partly: %" PRIu64 " %s changed while it was read, or %s "
			    "damaged; the figures are approximate\n",
			    inside->torn, inside->torn == 1 ? "place" : "places",
			    inside->torn == 1 ? "is" : "are");
	else
		sink_text(sink, "  Read partly: it went on meanwhile, or the time for it was over; "
				"the figures are approximate\n");
}

void report_inside_write(const struct heap_inside *inside, struct sink *sink)
{
	struct clauses clauses = { .sink = sink };

	sink_text(sink, "Inside: ");
	put_python(&clauses, inside);
	put_malloc(&clauses, inside);
	put_unknown(&clauses, inside);
	sink_text(sink, "\n");
	write_rss(inside, sink);
	write_partly(inside, sink);
	sink_printf(sink, "  In short: %s\n", heap_cure_sentence(heap_inside_cure(inside)));
}
