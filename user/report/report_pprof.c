/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pprof's profile.proto in gzip, as `go tool pprof`, Pyroscope and Parca read it
 * (github.com/google/pprof/blob/main/proto/profile.proto; the numbers of its fields are below).
 * A sample is a path with what each metric has of it by itself; a location is a function, or a line
 * of one where the capture had --lines. Messages go out as they come: samples first, then what they
 * name.
 */
#include <string.h>

#include "memory.h"
#include "report_gzip.h"
#include "report_proto.h"
#include "report_stacks.h"

#define FLUSH_BYTES 65536 /* are worth a call of zlib */
#define NS_PER_S 1000000000ULL

enum { /* of Profile */
       PROFILE_SAMPLE_TYPE = 1,
       PROFILE_SAMPLE = 2,
       PROFILE_LOCATION = 4,
       PROFILE_FUNCTION = 5,
       PROFILE_STRING_TABLE = 6,
       PROFILE_TIME_NANOS = 9,
       PROFILE_DURATION_NANOS = 10,
       PROFILE_DEFAULT_SAMPLE_TYPE = 14,
};
enum { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2 };
enum { SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum { LABEL_KEY = 1, LABEL_STR = 2 };
enum { LOCATION_ID = 1, LOCATION_LINE = 4 };
enum { LINE_FUNCTION_ID = 1, LINE_LINE = 2 };
enum {
	FUNCTION_ID = 1,
	FUNCTION_NAME = 2,
	FUNCTION_SYSTEM_NAME = 3,
	FUNCTION_FILENAME = 4,
	FUNCTION_START_LINE = 5,
};

/* A profile while it is written. */
struct pprof {
	const struct report *report;
	struct report_frames frames;
	struct string_pool strings; /* its string_table, whose first is empty */
	struct report_gzip gzip;
	struct report_proto out; /* not yet written */
	struct report_proto message, part;
	enum tree_metric metrics[NR_METRICS];
	size_t nr_metrics;
	struct report_proto process;		  /* the label of the current one */
	struct report_proto kinds[NR_TREE_KINDS]; /* and of each kind of row */
};

/* ---- Pieces ---- */

static uint64_t add_string(struct pprof *pprof, const char *text)
{
	char name[REPORT_NAME_BYTES];

	report_name(pprof->report, text, name);
	return string_pool_add(&pprof->strings, name);
}

/* pprof->message goes to the profile. */
static void end_message(struct pprof *pprof, uint32_t field)
{
	report_proto_message(&pprof->out, field, &pprof->message);
	report_proto_clear(&pprof->message);
	if (pprof->out.used < FLUSH_BYTES)
		return;
	report_gzip_bytes(&pprof->gzip, pprof->out.bytes, pprof->out.used);
	report_proto_clear(&pprof->out);
}

static void write_sample_type(struct pprof *pprof, enum tree_metric metric)
{
	bool is_bytes = metrics[metric].unit == UNIT_BYTES;

	report_proto_number(&pprof->message, VALUE_TYPE_TYPE,
			    add_string(pprof, metrics[metric].name));
	report_proto_number(&pprof->message, VALUE_TYPE_UNIT,
			    add_string(pprof, is_bytes ? "bytes" : "count"));
	end_message(pprof, PROFILE_SAMPLE_TYPE);
}

static void set_label(struct pprof *pprof, struct report_proto *ret, const char *key,
		      const char *text)
{
	report_proto_clear(ret);
	report_proto_number(ret, LABEL_KEY, add_string(pprof, key));
	report_proto_number(ret, LABEL_STR, add_string(pprof, text));
}

/* ---- Samples ---- */

/* The thread of a path that begins with one. */
static void add_thread(struct pprof *pprof, const struct report_stack *stack)
{
	const struct tree_node *nodes = stack->tree->nodes;
	uint32_t root = stack->node;

	while (nodes[root].parent != NO_NODE)
		root = nodes[root].parent;
	if (!label_has_thread(&nodes[root]))
		return;
	set_label(pprof, &pprof->part, "thread", label_thread(stack->tree, &nodes[root]));
	report_proto_message(&pprof->message, SAMPLE_LABEL, &pprof->part);
}

static void write_sample(void *context, const struct report_stack *stack)
{
	struct pprof *pprof = context;
	const struct report_proto *kind = &pprof->kinds[stack->tree->nodes[stack->node].kind];

	report_proto_clear(&pprof->part);
	for (uint32_t i = stack->nr_frames; i--;)
		report_proto_pack(&pprof->part, stack->frames[i] + 1);
	report_proto_message(&pprof->message, SAMPLE_LOCATION_ID, &pprof->part);
	report_proto_clear(&pprof->part);
	for (size_t i = 0; i < pprof->nr_metrics; i++)
		report_proto_pack(&pprof->part, (uint64_t)stack->values[i]);
	report_proto_message(&pprof->message, SAMPLE_VALUE, &pprof->part);
	report_proto_message(&pprof->message, SAMPLE_LABEL, &pprof->process);
	report_proto_message(&pprof->message, SAMPLE_LABEL, kind);
	add_thread(pprof, stack);
	end_message(pprof, PROFILE_SAMPLE);
}

static void write_process(struct pprof *pprof, uint32_t index)
{
	const struct report_stack_request request = { .metrics = pprof->metrics,
						      .nr_metrics = pprof->nr_metrics,
						      .write = write_sample,
						      .context = pprof };
	_cleanup_(calltree_freep) struct calltree *tree = report_data_tree(pprof->report, index);
	_cleanup_(freep) char *title = report_process_title(pprof->report, index);

	set_label(pprof, &pprof->process, "process", title);
	report_stacks(&pprof->frames, tree, &request);
}

/* ---- What samples name ---- */

static void write_function(struct pprof *pprof, const struct report_frame *frame, uint64_t id)
{
	uint64_t name = add_string(pprof, frame->name);

	report_proto_number(&pprof->message, FUNCTION_ID, id);
	report_proto_number(&pprof->message, FUNCTION_NAME, name);
	report_proto_number(&pprof->message, FUNCTION_SYSTEM_NAME,
			    *frame->function ? add_string(pprof, frame->function) : name);
	report_proto_number(&pprof->message, FUNCTION_FILENAME, add_string(pprof, frame->file));
	report_proto_number(&pprof->message, FUNCTION_START_LINE, (uint32_t)frame->line);
	end_message(pprof, PROFILE_FUNCTION);
}

static void write_location(struct pprof *pprof, const struct report_frame *frame, uint64_t id,
			   uint64_t function)
{
	report_proto_clear(&pprof->part);
	report_proto_number(&pprof->part, LINE_FUNCTION_ID, function);
	report_proto_number(&pprof->part, LINE_LINE,
			    (uint32_t)(frame->at ? frame->at : frame->line));
	report_proto_number(&pprof->message, LOCATION_ID, id);
	report_proto_message(&pprof->message, LOCATION_LINE, &pprof->part);
	end_message(pprof, PROFILE_LOCATION);
}

/* Lines of a function are locations of one function. */
static uint64_t key_of(struct pprof *pprof, const struct report_frame *frame)
{
	const uint64_t parts[] = { add_string(pprof, frame->name), add_string(pprof, frame->file),
				   (uint32_t)frame->line };

	return hash_bytes(parts, sizeof(parts), 0);
}

static void write_frames(struct pprof *pprof)
{
	struct hash_table functions = { 0 };

	for (size_t i = 0; i < pprof->frames.count; i++) {
		const struct report_frame *frame = &pprof->frames.frames[i];
		uint64_t key = key_of(pprof, frame);
		uint32_t function;

		if (!hash_table_get(&functions, key, &function)) {
			function = (uint32_t)functions.count + 1;
			hash_table_put(&functions, key, function);
			write_function(pprof, frame, function);
		}
		write_location(pprof, frame, i + 1, function);
	}
	hash_table_free(&functions);
}

static void write_strings(struct pprof *pprof)
{
	for (uint32_t i = 0; i < pprof->strings.count; i++) {
		const char *text = string_pool_get(&pprof->strings, i);

		report_proto_bytes(&pprof->out, PROFILE_STRING_TABLE, text, strlen(text));
	}
}

/* ---- The whole ---- */

static bool is_in(const struct pprof *pprof, enum tree_metric metric)
{
	for (size_t i = 0; i < pprof->nr_metrics; i++) {
		if (pprof->metrics[i] == metric)
			return true;
	}
	return false;
}

static void add_metric(struct pprof *pprof, enum tree_metric metric)
{
	if (!is_in(pprof, metric) && report_has_metric(pprof->report, metric))
		pprof->metrics[pprof->nr_metrics++] = metric;
}

/* The usual ones, then those of options that were given; `mapped` is signed, and there only when it
 * is asked for. */
static void choose_metrics(struct pprof *pprof)
{
	pprof->nr_metrics = report_stack_metrics(pprof->report, false, pprof->metrics);
	add_metric(pprof, METRIC_CALLS);
	add_metric(pprof, METRIC_UNSHARED);
	add_metric(pprof, METRIC_ALLOCATED);
	add_metric(pprof, pprof->report->options->tree.metric);
}

static void write_head(struct pprof *pprof)
{
	const struct profile_meta *meta = &pprof->report->profile->meta;
	enum tree_metric metric = pprof->report->options->tree.metric;

	for (size_t i = 0; i < pprof->nr_metrics; i++)
		write_sample_type(pprof, pprof->metrics[i]);
	for (int kind = 0; kind < NR_TREE_KINDS; kind++)
		set_label(pprof, &pprof->kinds[kind], "kind", calltree_kind_name(kind));
	report_proto_number(&pprof->out, PROFILE_TIME_NANOS, (uint64_t)meta->started_s * NS_PER_S);
	report_proto_number(&pprof->out, PROFILE_DURATION_NANOS, meta->duration_ns);
	report_proto_number(&pprof->out, PROFILE_DEFAULT_SAMPLE_TYPE,
			    add_string(pprof, metrics[metric].name));
}

static void pprof_free(struct pprof *pprof)
{
	report_frames_free(&pprof->frames);
	string_pool_free(&pprof->strings);
	report_proto_free(&pprof->out);
	report_proto_free(&pprof->message);
	report_proto_free(&pprof->part);
	report_proto_free(&pprof->process);
	for (int kind = 0; kind < NR_TREE_KINDS; kind++)
		report_proto_free(&pprof->kinds[kind]);
}

static void write_pprof(const struct report *report, struct sink *sink)
{
	struct pprof pprof = { .report = report };

	report_frames_init(&pprof.frames, report);
	string_pool_init(&pprof.strings);
	report_gzip_begin(&pprof.gzip, sink);
	choose_metrics(&pprof);
	write_head(&pprof);
	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		if (report_includes(report, i))
			write_process(&pprof, i);
	}
	write_frames(&pprof);
	write_strings(&pprof);
	report_gzip_bytes(&pprof.gzip, pprof.out.bytes, pprof.out.used);
	report_gzip_end(&pprof.gzip);
	pprof_free(&pprof);
}

const struct reporter report_pprof = {
	.name = "pprof",
	.write = write_pprof,
};
