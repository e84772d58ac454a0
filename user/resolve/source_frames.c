/* SPDX-License-Identifier: BSD-2-Clause */
/* What is open at a token; see source_frames.h. */
#include "source_frames.h"

#include <string.h>

#include "memory.h"

struct frame *frames_top(struct source_frames *frames)
{
	return &frames->stack[frames->nr_frames - 1];
}

bool frames_is_top(struct source_frames *frames, enum frame_kind kind)
{
	return frames_top(frames)->kind == kind;
}

uint32_t frames_scope(struct source_frames *frames)
{
	const struct frame *frame = frames_top(frames);

	return frame->is_outside ? frame->around : frame->definition;
}

uint32_t frames_reported(const struct source_frames *frames, uint32_t line)
{
	return line + frames->line_shift;
}

uint32_t frames_define(struct source_frames *frames, enum definition_kind kind, uint32_t line)
{
	struct definitions *definitions = frames->definitions;

	definitions->list = array_reserve(definitions->list, &definitions->capacity,
					  definitions->count + 1, sizeof(*definitions->list));
	definitions->list[definitions->count] = (struct definition){
		.kind = kind,
		.parent = frames_scope(frames),
		.line = line,
	};
	return (uint32_t)definitions->count++;
}

void frames_name(struct source_frames *frames, uint32_t definition, const char *name, size_t length)
{
	struct definitions *definitions = frames->definitions;

	definitions->list[definition].name = string_pool_add_bytes(&definitions->names, name,
								   length);
}

struct frame *frames_push(struct source_frames *frames, enum frame_kind kind, uint32_t definition)
{
	uint32_t around = frames_scope(frames);
	struct frame *frame = &frames->stack[frames->nr_frames++];

	*frame = (struct frame){ .kind = kind, .definition = definition, .around = around };
	return frame;
}

void frames_pop(struct source_frames *frames)
{
	struct definitions *definitions = frames->definitions;
	const struct frame *frame = frames_top(frames);

	frames->nr_frames--;
	if (frame->kind == FRAME_BRACKET && frame->part == PART_ELEMENT &&
	    frame->definition == definitions->count - 1)
		definitions->count--;
}

void frames_end_lambdas(struct source_frames *frames)
{
	while (frames_is_top(frames, FRAME_LAMBDA) && !frames_top(frames)->is_outside)
		frames_pop(frames);
}

void frames_open_bracket(struct source_frames *frames, char bracket, uint32_t line)
{
	uint32_t definition = frames_define(frames, DEFINITION_NONE, 0);
	struct frame *frame = frames_push(frames, FRAME_BRACKET, definition);

	frame->bracket = bracket;
	frame->line = frames_reported(frames, line);
}

void frames_close_bracket(struct source_frames *frames)
{
	while (frames_is_top(frames, FRAME_LAMBDA))
		frames_pop(frames);
	if (frames_is_top(frames, FRAME_BRACKET) && frames->nr_frames > frames->floor)
		frames_pop(frames);
}

void frames_open_lambda(struct source_frames *frames, uint32_t line)
{
	static const char name[] = "<lambda>";
	uint32_t definition = frames_define(frames, DEFINITION_FUNCTION,
					    frames_reported(frames, line));

	frames_name(frames, definition, name, sizeof(name) - 1);
	frames_push(frames, FRAME_LAMBDA, definition)->is_outside = true;
}

static const char *comprehension_name(const struct frame *frame)
{
	if (frame->bracket == '[')
		return "<listcomp>";
	if (frame->bracket == '(')
		return "<genexpr>";
	return frame->has_colon ? "<dictcomp>" : "<setcomp>";
}

static uint32_t comprehension_line(const struct source_frames *frames, const struct frame *frame)
{
	return frames->python_minor >= 8 || frame->bracket == '{' ? frame->line : frame->end_line;
}

void frames_take_for(struct source_frames *frames)
{
	struct frame *frame;
	struct definition *definition;

	frames_end_lambdas(frames);
	frame = frames_top(frames);
	if (frame->kind != FRAME_BRACKET)
		return;
	frame->is_outside = false;
	if (frame->part != PART_ELEMENT) {
		frame->part = PART_REST;
		return;
	}
	frame->part = PART_TARGET;
	definition = &frames->definitions->list[frame->definition];
	definition->kind = DEFINITION_COMPREHENSION;
	definition->line = comprehension_line(frames, frame);
	frames_name(frames, frame->definition, comprehension_name(frame),
		    strlen(comprehension_name(frame)));
}

void frames_take_in(struct source_frames *frames)
{
	struct frame *frame = frames_top(frames);

	if (frame->kind != FRAME_BRACKET || frame->part != PART_TARGET)
		return;
	frame->part = PART_FIRST_ITERABLE;
	frame->is_outside = true;
}

void frames_take_if(struct source_frames *frames)
{
	struct frame *frame = frames_top(frames);

	if (frame->kind != FRAME_BRACKET || frame->part != PART_FIRST_ITERABLE)
		return;
	frame->part = PART_REST;
	frame->is_outside = false;
}
