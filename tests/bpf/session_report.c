/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the maps and the ring buffer of a session: records, paths as text, sums. See session.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <memprobe/wire_hash.h>

#include "memory.h"
#include "session_maps.h"

#define MAX_DEPTH (MAX_FRAMES + 2)
#define MAX_NAME 64

struct site {
	struct wire_site record;
	char name[MAX_NAME];
};

static struct {
	struct site *sites;
	size_t nr_sites, sites_capacity;
	struct host_record **records; /* not taken yet */
	size_t nr_records, records_capacity;
} drained;

static const char *const kind_names[NR_KINDS] = { "file", "anon", "swap", "shmem" };

static const char *const loss_names[] = {
#define LOSS(name, sentence, hint) #name,
#include <memprobe/counters.def>
#undef LOSS
};

void session_forget(void)
{
	free(drained.sites);
	for (size_t i = 0; i < drained.nr_records; i++)
		free(drained.records[i]);
	free(drained.records);
	memset(&drained, 0, sizeof(drained));
}

static void keep_site(const struct host_record *record)
{
	struct wire_site wire;
	struct site *site;
	size_t bytes;

	memcpy(&wire, record->bytes, sizeof(wire));
	assert_int_equal(record->size, sizeof(wire) + wire.filename.bytes + wire.name.bytes +
					       wire.linetable_bytes);
	drained.sites = array_reserve(drained.sites, &drained.sites_capacity, drained.nr_sites + 1,
				      sizeof(*drained.sites));
	site = &drained.sites[drained.nr_sites++];
	memset(site, 0, sizeof(*site));
	site->record = wire;
	bytes = wire.name.bytes < MAX_NAME ? wire.name.bytes : MAX_NAME - 1;
	memcpy(site->name, record->bytes + sizeof(wire) + wire.filename.bytes, bytes);
}

void session_drain(void)
{
	struct host_record *record;

	while ((record = session_next_record())) {
		struct wire_head head;

		memcpy(&head, record->bytes, sizeof(head));
		if (head.type == RECORD_SITE) {
			keep_site(record);
			free(record);
			continue;
		}
		drained.records = array_reserve(drained.records, &drained.records_capacity,
						drained.nr_records + 1, sizeof(*drained.records));
		drained.records[drained.nr_records++] = record;
	}
}

bool session_take(enum wire_record_type type, void *ret, size_t size)
{
	session_drain();
	for (size_t i = 0; i < drained.nr_records; i++) {
		struct host_record *record = drained.records[i];
		struct wire_head head;

		memcpy(&head, record->bytes, sizeof(head));
		if (head.type != type)
			continue;
		assert_int_equal(record->size, size);
		memcpy(ret, record->bytes, size);
		free(record);
		memmove(&drained.records[i], &drained.records[i + 1],
			(--drained.nr_records - i) * sizeof(*drained.records));
		return true;
	}
	return false;
}

bool session_find_site(const char *name, struct wire_site *ret)
{
	session_drain();
	for (size_t i = 0; i < drained.nr_sites; i++) {
		if (strcmp(drained.sites[i].name, name) != 0)
			continue;
		*ret = drained.sites[i].record;
		return true;
	}
	return false;
}

static const struct site *find_site(__u64 key)
{
	for (size_t i = 0; i < drained.nr_sites; i++)
		if (drained.sites[i].record.site == key)
			return &drained.sites[i];
	return NULL;
}

static void name_site(const struct wire_node *node, char *ret, size_t size)
{
	static const char *const names[NR_SITE_KINDS] = {
		[SITE_STARTUP] = "[startup]",
		[SITE_SHUTDOWN] = "[shutdown]",
		[SITE_KERNEL] = "[kernel]",
		[SITE_TRUNCATED] = "[truncated]",
		[SITE_LOST] = "[lost]",
		[SITE_INHERITED] = "[inherited]",
		[SITE_BEFORE] = "[before attach]",
		[SITE_UNOWNED] = "[unowned]",
		[SITE_FREE] = "[free in malloc]",
		[SITE_C] = "[C frames not followed]",
	};
	const struct site *site = find_site(node->site);

	if (node->site == site_key_special(node->image_id, SITE_DEEPER)) {
		snprintf(ret, size, "[deeper]");
		return;
	}
	if (!site)
		fail_msg("a node's site was never sent");
	if (site->record.kind == SITE_PYTHON)
		snprintf(ret, size, "%s", site->record.name.missing ? "?" : site->name);
	else if (site->record.kind == SITE_C && site->record.code)
		snprintf(ret, size, "(%llu:%llx)", site->record.code >> 32,
			 site->record.code & 0xffffffff);
	else if (site->record.kind == SITE_THREAD)
		snprintf(ret, size, "[thread %llu]", site->record.code);
	else if (site->record.kind == SITE_NATIVE)
		snprintf(ret, size, "[native %s]", site->name);
	else
		snprintf(ret, size, "%s", names[site->record.kind]);
}

/* From a node to its root; returns how many. */
static size_t collect_path(const struct wire_node *node, const struct wire_node **ret)
{
	size_t depth = 0;

	for (; node; node = session_node(node->parent)) {
		assert_true(depth < MAX_DEPTH);
		ret[depth++] = node;
	}
	return depth;
}

static void print_path(FILE *out, const struct wire_node *leaf)
{
	static const struct wire_node *path[MAX_DEPTH];
	size_t depth = collect_path(leaf, path), times = 1;
	char name[MAX_NAME + 16], next[MAX_NAME + 16];

	name_site(path[depth - 1], name, sizeof(name));
	for (size_t i = depth; i-- > 0; times++) {
		if (i)
			name_site(path[i - 1], next, sizeof(next));
		if (i && !strcmp(name, next))
			continue;
		fputs(name, out);
		if (times > 1)
			fprintf(out, "*%zu", times);
		if (i)
			fputc(';', out);
		strcpy(name, next);
		times = 0;
	}
}

/* Pages of each kind, and calls, of a node or of what is lost. */
struct amounts {
	__u64 grown[NR_KINDS], released[NR_KINDS], calls;
};

static struct amounts amounts_of(const struct wire_node *node)
{
	struct amounts amounts = { .calls = node->calls };

	for (int kind = 0; kind < NR_KINDS; kind++) {
		amounts.grown[kind] = node->grown[kind];
		amounts.released[kind] = node->released[kind];
	}
	return amounts;
}

static struct amounts lost_amounts(const struct wire_image *image)
{
	struct amounts amounts = { 0 };

	memcpy(amounts.grown, image->lost_grown, sizeof(amounts.grown));
	memcpy(amounts.released, image->lost_released, sizeof(amounts.released));
	return amounts;
}

static void print_amounts(FILE *out, const struct amounts *amounts)
{
	for (int kind = 0; kind < NR_KINDS; kind++) {
		if (amounts->grown[kind] || amounts->released[kind])
			fprintf(out, " %s", kind_names[kind]);
		if (amounts->grown[kind])
			fprintf(out, "+%llu", amounts->grown[kind]);
		if (amounts->released[kind])
			fprintf(out, "-%llu", amounts->released[kind]);
	}
	if (amounts->calls)
		fprintf(out, " calls %llu", amounts->calls);
	fputc('\n', out);
}

static bool has_amounts(const struct amounts *amounts)
{
	static const struct amounts none;

	return memcmp(amounts, &none, sizeof(none)) != 0;
}

struct lines {
	char **lines;
	size_t count, capacity;
};

static void add_line(struct lines *lines, char *line)
{
	lines->lines = array_reserve(lines->lines, &lines->capacity, lines->count + 1,
				     sizeof(*lines->lines));
	lines->lines[lines->count++] = line;
}

static void add_node(struct lines *lines, const struct wire_node *node)
{
	const struct amounts amounts = amounts_of(node);
	char *line = NULL;
	size_t size;
	FILE *out;

	if (!has_amounts(&amounts))
		return;
	out = open_memstream(&line, &size);
	print_path(out, node);
	print_amounts(out, &amounts);
	fclose(out);
	add_line(lines, line);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_loss(FILE *out, __u32 reason, __u64 events, __u64 pages, __u64 released)
{
	if (!events)
		return;
	fprintf(out, "!%s %llu event%s %llu page%s", loss_names[reason], events,
		events == 1 ? "" : "s", pages, pages == 1 ? "" : "s");
	if (released)
		fprintf(out, " (%llu released)", released);
	fprintf(out, "\n");
}

static void print_losses(FILE *out)
{
	__u64 events, pages;

	for (__u32 slot = 0; slot < SESSION_SLOTS; slot++) {
		const struct wire_image *image = session_image_at(slot);
		const struct amounts lost = lost_amounts(image);

		if (has_amounts(&lost)) {
			fprintf(out, "(lost)");
			print_amounts(out, &lost);
		}
		for (__u32 i = 0; i < NR_IMAGE_LOSSES; i++)
			print_loss(out, i, image->loss_events[i], image->loss_pages[i],
				   image->loss_released[i]);
	}
	for (__u32 i = 0; i < NR_IMAGE_LOSSES; i++)
		if (session_loss(i, &events, &pages))
			print_loss(out, i, events, pages, 0);
}

char *session_report(void)
{
	struct lines lines = { 0 };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	session_drain();
	for (__u32 id = 1; id < SESSION_IDS; id++) {
		if (session_node(id))
			add_node(&lines, session_node(id));
	}
	if (lines.count)
		qsort(lines.lines, lines.count, sizeof(*lines.lines), compare_lines);
	for (size_t i = 0; i < lines.count; i++) {
		fputs(lines.lines[i], out);
		free(lines.lines[i]);
	}
	free(lines.lines);
	print_losses(out);
	fclose(out);
	return text;
}

static void check_image(const struct wire_image *image)
{
	__s64 pages[NR_KINDS] = { 0 };

	for (__u32 id = 1; id < SESSION_IDS; id++) {
		const struct wire_node *node = session_node(id);

		for (int kind = 0; node && node->image_id == image->image_id && kind < NR_KINDS;
		     kind++)
			pages[kind] += (__s64)node->grown[kind] - (__s64)node->released[kind];
	}
	for (int kind = 0; kind < NR_KINDS; kind++)
		assert_int_equal(image->opening[kind] + pages[kind] +
					 (__s64)image->lost_grown[kind] -
					 (__s64)image->lost_released[kind],
				 image->books[kind]);
}

static void check_node(__u32 id, const struct wire_node *node)
{
	const struct wire_node *parent = session_node(node->parent);

	assert_int_equal(session_find_id(node->key), id);
	assert_int_equal(node->key, path_child(parent ? parent->key : 0, node->site));
	if (!node->parent)
		return;
	assert_non_null(parent);
	assert_int_equal(parent->image_id, node->image_id);
}

void session_check(void)
{
	for (__u32 slot = 0; slot < SESSION_SLOTS; slot++)
		if (session_image_at(slot)->image_id)
			check_image(session_image_at(slot));
	for (__u32 id = 1; id < SESSION_IDS; id++) {
		if (session_node(id))
			check_node(id, session_node(id));
	}
}

static __u32 find_row(const struct mm_struct *mm, const char *name, __u32 kind)
{
	const __u32 image_id = session_image(mm)->image_id;
	__u32 found = 0;

	session_drain();
	for (__u32 id = 1; id < SESSION_IDS; id++) {
		const struct wire_node *node = session_node(id);
		const struct site *site = node ? find_site(node->site) : NULL;

		if (!node || node->image_id != image_id)
			continue;
		if (name ? !site || strcmp(site->name, name) != 0
			 : node->site != site_key_special(image_id, kind))
			continue;
		assert_int_equal(found, 0);
		found = id;
	}
	return found;
}

__u32 session_find_named(const struct mm_struct *mm, const char *name)
{
	return find_row(mm, name, 0);
}

__u32 session_find_kind(const struct mm_struct *mm, enum wire_site_kind kind)
{
	return find_row(mm, NULL, kind);
}

void session_sum_held(const struct mm_struct *mm, __s64 *ret_pages)
{
	const __u32 image_id = session_image(mm)->image_id;

	memset(ret_pages, 0, NR_KINDS * sizeof(*ret_pages));
	for (__u32 id = 1; id < SESSION_IDS; id++) {
		const struct wire_node *node = session_node(id);
		const struct wire_held *held = session_held(id);

		for (__u32 kind = 0; node && held && node->image_id == image_id && kind < NR_KINDS;
		     kind++)
			ret_pages[kind] += held->live[kind];
	}
}

void session_assert_row(const char *row)
{
	_cleanup_(freep) char *report = session_report();

	if (!strstr(report, row))
		fail_msg("no '%s' in\n%s", row, report);
}
