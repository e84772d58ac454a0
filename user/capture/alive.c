/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames into calls; see alive.h. */
#include "alive.h"

#include "memory.h"
#include "python_frames.h"
#include "python_reader.h"
#include "python_string.h"

static uint32_t read_string(struct profile *profile, struct python_reader *reader, uint64_t code,
			    uint16_t field)
{
	_cleanup_(freep) char *text = NULL;
	uint64_t string;

	if (python_reader_u64(reader, code + field, &string) ||
	    python_string_read(reader, string, MAX_NAME_BYTES, &text))
		return 0;
	return string_pool_add(&profile->strings, text);
}

/* The site as the BPF side has sent it. */
static struct site read_site(struct profile *profile, struct python_reader *reader, uint64_t code)
{
	const struct wire_layout *layout = &reader->wire;
	struct site site = { .kind = SITE_PYTHON, .version = layout->version };
	uint32_t flags = 0;

	python_reader_fetch(reader, code + layout->code_firstlineno, &site.line, sizeof(site.line));
	python_reader_fetch(reader, code + layout->code_flags, &flags, sizeof(flags));
	site.is_resumable = !!(flags & CODE_RESUMABLE);
	site.file = read_string(profile, reader, code, layout->code_filename);
	site.name = read_string(profile, reader, code, layout->code_qualname);
	return site;
}

static void add_call(struct alive *alive, uint32_t node)
{
	profile_add_calls(alive->profile, node, 1);
	alive->nodes = array_reserve(alive->nodes, &alive->capacity, alive->nr_nodes + 1,
				     sizeof(*alive->nodes));
	alive->nodes[alive->nr_nodes++] = node;
}

/* One thread's frames, the leaf first. */
struct stack {
	const struct python_frame *frames;
	size_t count;
	uint32_t process, image_id;
};

static void add_stack(struct alive *alive, struct python_reader *reader,
		      const struct loader *loader, const struct stack *stack)
{
	uint64_t now_ns = alive->profile->meta.duration_ns;
	uint32_t parent = NO_NODE;

	for (size_t i = stack->count; i--;) {
		const struct python_frame *frame = &stack->frames[i];
		struct site site;

		if (!frame->code)
			continue;
		site = read_site(alive->profile, reader, frame->code);
		if (!site.name || site_is_init_shim(alive->profile, &site))
			continue;
		parent = profile_add_node(alive->profile, stack->process, parent,
					  profile_add_site(alive->profile, &site), now_ns);
		if (!loader_is_standing(loader, stack->image_id, frame->frame))
			add_call(alive, parent);
	}
}

bool alive_add(struct alive *alive, struct interpreters *interpreters, const struct loader *loader,
	       uint32_t process, uint32_t image_id)
{
	uint32_t tgid = alive->profile->processes[process].pid;
	struct stack stack = { .process = process, .image_id = image_id };
	struct python_reader reader;
	struct wire_layout layout;
	size_t count;
	_cleanup_(freep) struct python_frame *frames = interpreters_frames(interpreters, tgid,
									   &count, &layout);

	if (!count || python_reader_init_process(&reader, &layout, (pid_t)tgid))
		return false;
	for (size_t begin = 0; begin < count; begin += stack.count) {
		stack.frames = &frames[begin];
		for (stack.count = 1; begin + stack.count < count &&
				      frames[begin + stack.count].thread == frames[begin].thread;)
			stack.count++;
		add_stack(alive, &reader, loader, &stack);
	}
	return true;
}

void alive_take_back(struct alive *alive)
{
	for (size_t i = 0; i < alive->nr_nodes; i++)
		profile_add_calls(alive->profile, alive->nodes[i], -1);
	alive->nr_nodes = 0;
}

void alive_free(struct alive *alive)
{
	free(alive->nodes);
	*alive = (struct alive){ 0 };
}
