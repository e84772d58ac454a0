/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames into calls; see open_calls.h. */
#include "open_calls.h"

#include "inspect_python.h"
#include "memory.h"
#include "python_frames.h"

static void add_call(struct open_calls *calls, uint32_t node)
{
	profile_add_calls(calls->profile, node, 1);
	calls->nodes = array_reserve(calls->nodes, &calls->capacity, calls->nr_nodes + 1,
				     sizeof(*calls->nodes));
	calls->nodes[calls->nr_nodes++] = node;
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

/* The site as the BPF side has sent it. */
static struct site make_site(struct open_calls *calls, const struct stack *stack,
			     const struct inspected_code *code)
{
	struct string_pool *strings = &calls->profile->strings;
	uint16_t version = stack->layout.version;

	return (struct site){
		.kind = SITE_PYTHON,
		.version = version,
		.line = code->line,
		.is_resumable = !!(code->flags & CODE_RESUMABLE),
		.is_coroutine = !!(code->flags & CODE_COROUTINE),
		.file = drain_file(calls->drain, stack->process, version,
				   string_pool_add(strings, code->file)),
		.name = string_pool_add(strings, code->name),
	};
}

/* Asked for once a code object; name 0: it cannot be read. */
static struct site find_site(struct open_calls *calls, const struct stack *stack, uint64_t code)
{
	struct site site = { 0 };
	struct inspected_code found;
	uint32_t index;
	int status;

	if (hash_table_get(&calls->site_ids, code, &index))
		return calls->sites[index];
	status = inspect_code(stack->inspector, stack->pid, &stack->layout, code, &found);
	calls->is_unanswered |= inspector_is_unanswered(status);
	if (!status) {
		site = make_site(calls, stack, &found);
		inspected_code_clear(&found);
	}
	calls->sites = array_reserve(calls->sites, &calls->sites_capacity, calls->nr_sites + 1,
				     sizeof(*calls->sites));
	calls->sites[calls->nr_sites] = site;
	hash_table_put(&calls->site_ids, code, calls->nr_sites++);
	return site;
}

/* The row of the stack's thread, which the BPF side has made with the first page or call of that
 * thread. In a pid namespace of its own a process numbers its threads otherwise. */
static bool find_root(struct open_calls *calls, const struct stack *stack, uint32_t *ret_root)
{
	const struct profile *profile = calls->profile;
	uint64_t tid = stack->frames[0].tid;

	for (uint32_t i = 0; i < profile->nr_nodes && tid; i++) {
		const struct node *node = &profile->nodes[i];
		const struct site *site = &profile->sites[node->site];

		if (node->parent != NO_NODE || node->process != stack->process ||
		    site->kind != SITE_THREAD || !*profile_string(profile, site->name))
			continue;
		if (tid == (site->line ? (uint64_t)site->line : (uint64_t)stack->pid)) {
			*ret_root = i;
			return true;
		}
	}
	calls->is_unanswered = true;
	return false;
}

static void add_stack(struct open_calls *calls, const struct loader *loader,
		      const struct stack *stack)
{
	uint64_t now_ns = calls->profile->meta.duration_ns;
	uint32_t parent = NO_NODE;

	if (calls->profile->meta.has_threads && !find_root(calls, stack, &parent))
		return;
	for (size_t i = stack->count; i--;) {
		const struct python_frame *frame = &stack->frames[i];
		struct site site;

		if (!frame->code)
			continue;
		site = find_site(calls, stack, frame->code);
		if (!site.name || site_is_init_shim(calls->profile, &site))
			continue;
		parent = profile_add_node(calls->profile, stack->process, parent,
					  profile_add_site(calls->profile, &site), now_ns);
		if (!loader_is_standing(loader, stack->image_id, frame->frame))
			add_call(calls, parent);
	}
}

static void forget_sites(struct open_calls *calls)
{
	hash_table_free(&calls->site_ids);
	calls->nr_sites = 0;
}

bool open_calls_add(struct open_calls *calls, struct interpreters *interpreters,
		    const struct loader *loader, uint32_t process, uint32_t image_id)
{
	struct stack stack = {
		.process = process,
		.image_id = image_id,
		.pid = (pid_t)calls->profile->processes[process].pid,
		.inspector = interpreters_inspector(interpreters),
	};
	_cleanup_(freep) struct python_frame *frames = NULL;
	size_t count;

	if (interpreters_frames(interpreters, (uint32_t)stack.pid, &frames, &count,
				&stack.layout) ||
	    !count)
		return false;
	forget_sites(calls); /* of another process */
	calls->is_unanswered = false;
	for (size_t begin = 0; begin < count; begin += stack.count) {
		stack.frames = &frames[begin];
		for (stack.count = 1; begin + stack.count < count &&
				      frames[begin + stack.count].thread == frames[begin].thread;)
			stack.count++;
		add_stack(calls, loader, &stack);
	}
	return !calls->is_unanswered;
}

void open_calls_take_back(struct open_calls *calls)
{
	for (size_t i = 0; i < calls->nr_nodes; i++)
		profile_add_calls(calls->profile, calls->nodes[i], -1);
	calls->nr_nodes = 0;
}

void open_calls_free(struct open_calls *calls)
{
	forget_sites(calls);
	free(calls->sites);
	free(calls->nodes);
	*calls = (struct open_calls){ 0 };
}
