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
		[SITE_STARTUP] = "[startup]", [SITE_SHUTDOWN] = "[shutdown]",
		[SITE_KERNEL] = "[kernel]",   [SITE_TRUNCATED] = "[truncated]",
		[SITE_LOST] = "[lost]",
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
	else if (site->record.kind == SITE_NATIVE)
		snprintf(ret, size, "[native %s]", site->name);
	else
		snprintf(ret, size, "%s", names[site->record.kind]);
}

static const struct wire_node *find_node(__u64 key)
{
	const struct wire_node *node = host_map_lookup(session_nodes(), &key);

	return node ? node : host_map_lookup(session_deeper_nodes(), &key);
}

/* From a node to its root; returns how many. */
static size_t collect_path(const struct wire_node *node, const struct wire_node **ret)
{
	size_t depth = 0;

	for (; node; node = node->parent ? find_node(node->parent) : NULL) {
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

static void print_amounts(FILE *out, const __u64 *grown, const __u64 *released)
{
	for (int kind = 0; kind < NR_KINDS; kind++) {
		if (grown[kind] || released[kind])
			fprintf(out, " %s", kind_names[kind]);
		if (grown[kind])
			fprintf(out, "+%llu", grown[kind]);
		if (released[kind])
			fprintf(out, "-%llu", released[kind]);
	}
	fputc('\n', out);
}

static bool has_amounts(const __u64 *grown, const __u64 *released)
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		if (grown[kind] || released[kind])
			return true;
	return false;
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

static void visit_line(const void *key, void *value, void *context)
{
	const struct wire_node *node = value;
	char *line = NULL;
	size_t size;
	FILE *out;

	if (!has_amounts(node->grown, node->released))
		return;
	out = open_memstream(&line, &size);
	print_path(out, node);
	print_amounts(out, node->grown, node->released);
	fclose(out);
	add_line(context, line);
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

		if (has_amounts(image->lost_grown, image->lost_released)) {
			fprintf(out, "(lost)");
			print_amounts(out, image->lost_grown, image->lost_released);
		}
		for (__u32 i = 0; i < NR_LOSSES; i++)
			print_loss(out, i, image->loss_events[i], image->loss_pages[i],
				   image->loss_released[i]);
	}
	for (__u32 i = 0; i < NR_LOSSES; i++)
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
	host_map_visit(session_nodes(), visit_line, &lines);
	host_map_visit(session_deeper_nodes(), visit_line, &lines);
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

/* What an image's nodes sum up to. */
struct sum {
	__u32 image_id;
	__s64 pages[NR_KINDS];
};

static void visit_sum(const void *key, void *value, void *context)
{
	const struct wire_node *node = value;
	struct sum *sum = context;

	if (node->image_id != sum->image_id)
		return;
	for (int kind = 0; kind < NR_KINDS; kind++)
		sum->pages[kind] += (__s64)node->grown[kind] - (__s64)node->released[kind];
}

static void visit_key(const void *key, void *value, void *context)
{
	const struct wire_node *node = value;
	__u64 got;

	memcpy(&got, key, sizeof(got));
	assert_int_equal(got, path_child(node->parent, node->site));
	assert_int_equal(node->parent, path_parent(got, node->site));
	if (!node->parent)
		return;
	assert_non_null(find_node(node->parent));
	assert_int_equal(find_node(node->parent)->image_id, node->image_id);
}

static void check_image(const struct wire_image *image)
{
	struct sum sum = { .image_id = image->image_id };

	host_map_visit(session_nodes(), visit_sum, &sum);
	host_map_visit(session_deeper_nodes(), visit_sum, &sum);
	for (int kind = 0; kind < NR_KINDS; kind++)
		assert_int_equal(image->opening[kind] + sum.pages[kind] +
					 (__s64)image->lost_grown[kind] -
					 (__s64)image->lost_released[kind],
				 image->books[kind]);
}

void session_check(void)
{
	for (__u32 slot = 0; slot < SESSION_SLOTS; slot++)
		if (session_image_at(slot)->image_id)
			check_image(session_image_at(slot));
	host_map_visit(session_nodes(), visit_key, NULL);
	host_map_visit(session_deeper_nodes(), visit_key, NULL);
}
