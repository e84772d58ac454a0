/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames into calls; see alive.h. */
#include "alive.h"

#include "inspect_python.h"
#include "memory.h"
#include "python_frames.h"

/* The site as the BPF side has sent it. */
static struct site make_site(struct profile *profile, uint16_t version,
			     const struct inspected_code *code)
{
	return (struct site){
		.kind = SITE_PYTHON,
		.version = version,
		.line = code->line,
		.is_resumable = !!(code->flags & CODE_RESUMABLE),
		.file = string_pool_add(&profile->strings, code->file),
		.name = string_pool_add(&profile->strings, code->name),
	};
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
	pid_t pid;
	struct inspector *inspector;
	struct wire_layout layout;
};

/* Asked for once a code object; name 0: it cannot be read. */
static struct site find_site(struct alive *alive, const struct stack *stack, uint64_t code)
{
	struct site site = { 0 };
	struct inspected_code found;
	uint32_t index;
	int status;

	if (hash_table_get(&alive->site_ids, code, &index))
		return alive->sites[index];
	status = inspect_code(stack->inspector, stack->pid, &stack->layout, code, &found);
	alive->is_unanswered |= inspector_is_unanswered(status);
	if (!status) {
		site = make_site(alive->profile, stack->layout.version, &found);
		free(found.file);
		free(found.name);
	}
	alive->sites = array_reserve(alive->sites, &alive->sites_capacity, alive->nr_sites + 1,
				     sizeof(*alive->sites));
	alive->sites[alive->nr_sites] = site;
	hash_table_put(&alive->site_ids, code, alive->nr_sites++);
	return site;
}

static void add_stack(struct alive *alive, const struct loader *loader, const struct stack *stack)
{
	uint64_t now_ns = alive->profile->meta.duration_ns;
	uint32_t parent = NO_NODE;

	for (size_t i = stack->count; i--;) {
		const struct python_frame *frame = &stack->frames[i];
		struct site site;

		if (!frame->code)
			continue;
		site = find_site(alive, stack, frame->code);
		if (!site.name || site_is_init_shim(alive->profile, &site))
			continue;
		parent = profile_add_node(alive->profile, stack->process, parent,
					  profile_add_site(alive->profile, &site), now_ns);
		if (!loader_is_standing(loader, stack->image_id, frame->frame))
			add_call(alive, parent);
	}
}

static void forget_sites(struct alive *alive)
{
	hash_table_free(&alive->site_ids);
	alive->nr_sites = 0;
}

bool alive_add(struct alive *alive, struct interpreters *interpreters, const struct loader *loader,
	       uint32_t process, uint32_t image_id)
{
	struct stack stack = {
		.process = process,
		.image_id = image_id,
		.pid = (pid_t)alive->profile->processes[process].pid,
		.inspector = interpreters_inspector(interpreters),
	};
	size_t count;
	_cleanup_(freep) struct python_frame *frames = interpreters_frames(
		interpreters, (uint32_t)stack.pid, &count, &stack.layout);

	if (!count)
		return false;
	forget_sites(alive); /* of another process */
	alive->is_unanswered = false;
	for (size_t begin = 0; begin < count; begin += stack.count) {
		stack.frames = &frames[begin];
		for (stack.count = 1; begin + stack.count < count &&
				      frames[begin + stack.count].thread == frames[begin].thread;)
			stack.count++;
		add_stack(alive, loader, &stack);
	}
	return !alive->is_unanswered;
}

void alive_take_back(struct alive *alive)
{
	for (size_t i = 0; i < alive->nr_nodes; i++)
		profile_add_calls(alive->profile, alive->nodes[i], -1);
	alive->nr_nodes = 0;
}

void alive_free(struct alive *alive)
{
	forget_sites(alive);
	free(alive->sites);
	free(alive->nodes);
	*alive = (struct alive){ 0 };
}
