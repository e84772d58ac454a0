/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * speedscope's own format (its file-format-schema.json): frames once, and for each process and each
 * metric a profile of type `sampled`, whose samples are the stacks and whose weights are whole
 * bytes. With --metric only that one; calls have no unit there.
 */
#include "json_writer.h"
#include "memory.h"
#include "report_stacks.h"

/* A profile while it is written: samples go out as they come, weights behind them. */
struct speedscope {
	struct json_writer json;
	struct report_frames frames;
	int64_t *weights;
	size_t nr_weights, capacity;
};

static void write_sample(void *context, const struct report_stack *stack)
{
	struct speedscope *speedscope = context;
	struct json_writer *json = &speedscope->json;

	if (!stack->values[0])
		return;
	json_writer_begin_array(json);
	for (uint32_t i = 0; i < stack->nr_frames; i++)
		json_writer_integer(json, stack->frames[i]);
	json_writer_end_array(json);
	speedscope->weights = array_reserve(speedscope->weights, &speedscope->capacity,
					    speedscope->nr_weights + 1,
					    sizeof(*speedscope->weights));
	speedscope->weights[speedscope->nr_weights++] = stack->values[0];
}

static void write_weights(struct speedscope *speedscope)
{
	struct json_writer *json = &speedscope->json;
	int64_t sum = 0;

	json_writer_key(json, "weights");
	json_writer_begin_array(json);
	for (size_t i = 0; i < speedscope->nr_weights; i++) {
		json_writer_integer(json, speedscope->weights[i]);
		sum += speedscope->weights[i];
	}
	json_writer_end_array(json);
	json_writer_member_integer(json, "startValue", 0);
	json_writer_member_integer(json, "endValue", sum);
}

static void write_profile(struct speedscope *speedscope, const struct calltree *tree,
			  enum tree_metric metric)
{
	const struct report_stack_request request = {
		.metrics = &metric, .nr_metrics = 1, .write = write_sample, .context = speedscope
	};
	struct json_writer *json = &speedscope->json;
	_cleanup_(freep) char *title = report_process_title(speedscope->frames.report,
							    tree->process);
	_cleanup_(freep) char *name = xasprintf("%s: %s", metrics[metric].name, title);
	bool is_bytes = metrics[metric].unit == UNIT_BYTES;

	speedscope->nr_weights = 0;
	json_writer_line(json);
	json_writer_begin_object(json);
	json_writer_member_string(json, "type", "sampled");
	json_writer_member_name(json, "name", name);
	json_writer_member_string(json, "unit", is_bytes ? "bytes" : "none");
	json_writer_key(json, "samples");
	json_writer_begin_array(json);
	report_stacks(&speedscope->frames, tree, &request);
	json_writer_end_array(json);
	write_weights(speedscope);
	json_writer_end_object(json);
}

static void write_process(struct speedscope *speedscope, uint32_t index)
{
	const struct report *report = speedscope->frames.report;
	const struct process *process = &report->profile->processes[index];
	_cleanup_(calltree_freep) struct calltree *tree = report_data_tree(report, index);
	enum tree_metric wanted[NR_METRICS];
	size_t count = report_stack_metrics(report, true, wanted);

	for (size_t i = 0; i < count; i++) {
		if (calltree_has_metric(process, wanted[i]))
			write_profile(speedscope, tree, wanted[i]);
	}
}

static void write_frames(struct speedscope *speedscope)
{
	struct json_writer *json = &speedscope->json;

	json_writer_key(json, "shared");
	json_writer_begin_object(json);
	json_writer_key(json, "frames");
	json_writer_begin_array(json);
	for (size_t i = 0; i < speedscope->frames.count; i++) {
		const struct report_frame *frame = &speedscope->frames.frames[i];

		json_writer_line(json);
		json_writer_begin_object(json);
		json_writer_member_name(json, "name", frame->name);
		if (*frame->file)
			json_writer_member_name(json, "file", frame->file);
		if (*frame->file && frame->has_line)
			json_writer_member_integer(json, "line",
						   frame->at ? frame->at : frame->line);
		json_writer_end_object(json);
	}
	json_writer_end_array(json);
	json_writer_end_object(json);
}

/* Frames are known when all stacks have been written: they come last, as JSON allows. */
static void write_speedscope(const struct report *report, struct sink *sink)
{
	struct speedscope speedscope = { 0 };
	struct json_writer *json = &speedscope.json;

	json_writer_init(json, sink);
	report_frames_init(&speedscope.frames, report);
	json_writer_begin_object(json);
	json_writer_member_string(json, "$schema",
				  "https://www.speedscope.app/file-format-schema.json");
	json_writer_member_string(json, "exporter", "memprobe");
	json_writer_key(json, "profiles");
	json_writer_begin_array(json);
	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		if (report_includes(report, i))
			write_process(&speedscope, i);
	}
	json_writer_end_array(json);
	write_frames(&speedscope);
	json_writer_end_object(json);
	sink_text(sink, "\n");
	report->remarks->nr_cut = json->nr_cut;
	report_frames_free(&speedscope.frames);
	free(speedscope.weights);
}

const struct reporter report_speedscope = {
	.name = "speedscope",
	.write = write_speedscope,
};
