/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the tests of the dump library; see dump_fixture.h. */
#include "dump_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "dump.h"
#include "dump_format.h"
#include "dump_header.h"
#include "memory.h"
#include "profile_allocs.h"
#include "profile_calls.h"
#include "profile_held.h"
#include "profile_history.h"
#include "profile_own.h"

static void check(bool is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "dump_fixture: cannot %s: %s\n", what, strerror(errno));
	abort();
}

/* ---- comparing ---- */

#define COMPARE(what, a, b)                                                               \
	do {                                                                              \
		if ((a) != (b))                                                           \
			return xasprintf("%s: %" PRId64 ", %" PRId64, what, (int64_t)(a), \
					 (int64_t)(b));                                   \
	} while (0)

static char *text_difference(const char *what, const char *a, const char *b)
{
	if (!a != !b || (a && strcmp(a, b) != 0))
		return xasprintf("%s: '%s', '%s'", what, a ? a : "NULL", b ? b : "NULL");
	return NULL;
}

static char *bytes_difference(const char *what, size_t index, const void *a, const void *b,
			      size_t size)
{
	return size && memcmp(a, b, size) != 0 ? xasprintf("%s of %zu", what, index) : NULL;
}

static char *meta_difference(const struct profile_meta *a, const struct profile_meta *b)
{
	char *found = NULL;

	if (!a->command != !b->command)
		return xstrdup("command");
	for (size_t i = 0; !found && a->command && (a->command[i] || b->command[i]); i++) {
		found = text_difference("word", a->command[i], b->command[i]);
		if (!found && !a->command[i])
			return xstrdup("words");
	}
	found = found ? found : text_difference("kernel", a->kernel, b->kernel);
	found = found ? found : text_difference("memprobe", a->memprobe, b->memprobe);
	found = found ? found : text_difference("host", a->host, b->host);
	found = found ? found : text_difference("options", a->options, b->options);
	if (found)
		return found;
	COMPARE("started", a->started_s, b->started_s);
	COMPARE("duration", a->duration_ns, b->duration_ns);
	COMPARE("calls mode", a->calls_mode, b->calls_mode);
	return NULL;
}

/* ---- trees ---- */

/* The nodes that a dump is to hold, depth first, siblings by their first sight. */
struct forest {
	const struct profile *profile;
	uint32_t *order, *first_child, *next; /* node + 1, 0: none */
	uint32_t *depths;
	bool *is_held;
	size_t count;
};

/* What of it counts. */
static struct held held_of(const struct profile *profile, uint32_t id)
{
	const struct held *held = profile_held(profile, id);

	return held ? held_now(held, &profile->processes[profile->nodes[id].process])
		    : (struct held){ 0 };
}

static struct node_allocs allocs_of(const struct profile *profile, uint32_t id)
{
	const struct node_allocs *allocs = profile_allocs(profile, id);

	return allocs ? allocs_now(allocs, &profile->processes[profile->nodes[id].process])
		      : (struct node_allocs){ 0 };
}

static bool has_history(const struct profile *profile, uint32_t id)
{
	return profile_history(profile, id, HISTORY_LIVE) ||
	       profile_history(profile, id, HISTORY_ALLOCATED) ||
	       profile_history(profile, id, HISTORY_TAKEN);
}

static bool holds_something(const struct profile *profile, uint32_t id)
{
	const struct cost cost = profile_cost(profile, id);
	const struct held held = held_of(profile, id);
	const struct node_allocs allocs = allocs_of(profile, id);

	return profile->nodes[id].calls || !held_is_zero(&held) || has_history(profile, id) ||
	       !allocs_are_zero(&allocs) || profile->nodes[id].sightings ||
	       profile->nodes[id].is_crowded || !cost_is_zero(&cost);
}

static int compare_sights(const void *left, const void *right, void *context)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	const struct node *nodes = context;

	if (nodes[a].first_ns != nodes[b].first_ns)
		return nodes[a].first_ns < nodes[b].first_ns ? -1 : 1;
	return a < b ? -1 : a > b;
}

static void add_below(struct forest *forest, uint32_t first, uint32_t depth)
{
	for (uint32_t id = first; id; id = forest->next[id - 1]) {
		if (!forest->is_held[id - 1])
			continue;
		forest->order[forest->count++] = id - 1;
		forest->depths[id - 1] = depth;
		add_below(forest, forest->first_child[id - 1], depth + 1);
	}
}

static uint32_t link_by_sight(struct forest *forest)
{
	const struct profile *profile = forest->profile;
	_cleanup_(freep) uint32_t *sorted = xcalloc(profile->nr_nodes + 1, sizeof(*sorted));
	uint32_t first_root = 0;

	for (uint32_t i = 0; i < profile->nr_nodes; i++)
		sorted[i] = i;
	if (!profile->nr_nodes)
		return 0;
	qsort_r(sorted, profile->nr_nodes, sizeof(*sorted), compare_sights, profile->nodes);
	for (size_t i = profile->nr_nodes; i--;) {
		uint32_t id = sorted[i], parent = profile->nodes[id].parent;
		uint32_t *first = parent == NO_NODE ? &first_root : &forest->first_child[parent];

		forest->next[id] = *first;
		*first = id + 1;
	}
	return first_root;
}

static struct forest make_forest(const struct profile *profile)
{
	size_t count = profile->nr_nodes + 1;
	struct forest forest = {
		.profile = profile,
		.order = xcalloc(count, sizeof(uint32_t)),
		.first_child = xcalloc(count, sizeof(uint32_t)),
		.next = xcalloc(count, sizeof(uint32_t)),
		.depths = xcalloc(count, sizeof(uint32_t)),
		.is_held = xcalloc(count, sizeof(bool)),
	};

	for (uint32_t i = (uint32_t)profile->nr_nodes; i--;) {
		uint32_t parent = profile->nodes[i].parent;

		forest.is_held[i] |= holds_something(profile, i);
		if (parent != NO_NODE)
			forest.is_held[parent] |= forest.is_held[i];
	}
	add_below(&forest, link_by_sight(&forest), 0);
	return forest;
}

static void free_forest(struct forest *forest)
{
	free(forest->order);
	free(forest->first_child);
	free(forest->next);
	free(forest->depths);
	free(forest->is_held);
}

/* Two profiles side by side, whose numbers differ: one counts everything, a file what it holds. */
struct pair {
	const struct profile *a, *b;
	struct forest left, right;
	struct hash_table objects; /* those of b by those of a, as they are met */
	struct hash_table objects_back;
};

#define SAME_STRING(what, pair, x, y)                                              \
	do {                                                                       \
		char *_found = text_difference(what, profile_string((pair)->a, x), \
					       profile_string((pair)->b, y));      \
		if (_found)                                                        \
			return _found;                                             \
	} while (0)

/* Objects are the same when they stand at the same places everywhere. */
static char *object_difference(struct pair *pair, uint32_t a, uint32_t b)
{
	const struct object *x = &pair->a->objects[a], *y = &pair->b->objects[b];
	uint32_t other;

	if (hash_table_get(&pair->objects, a, &other)) {
		COMPARE("object", other, b);
		return NULL;
	}
	if (hash_table_get(&pair->objects_back, b, &other))
		return xasprintf("two objects became one: %u, %u", other, a);
	hash_table_put(&pair->objects, a, b);
	hash_table_put(&pair->objects_back, b, a);
	COMPARE("object's process", x->process, y->process);
	SAME_STRING("class", pair, x->class_name, y->class_name);
	COMPARE("instance", x->instance, y->instance);
	COMPARE("has a pathname", !x->pathname, !y->pathname);
	if (x->pathname)
		SAME_STRING("pathname", pair, x->pathname - 1, y->pathname - 1);
	return NULL;
}

static char *site_difference(struct pair *pair, uint32_t a, uint32_t b)
{
	const struct site *x = &pair->a->sites[a], *y = &pair->b->sites[b];

	COMPARE("kind", x->kind, y->kind);
	SAME_STRING("file", pair, x->file, y->file);
	SAME_STRING("name", pair, x->name, y->name);
	COMPARE("line", x->line, y->line);
	COMPARE("version", x->version, y->version);
	COMPARE("resumable", x->is_resumable, y->is_resumable);
	COMPARE("coroutine", x->is_coroutine, y->is_coroutine);
	COMPARE("executed line", x->at, y->at);
	COMPARE("offset", x->offset, y->offset);
	COMPARE("is a part", !x->part_object, !y->part_object);
	return x->part_object ? object_difference(pair, x->part_object - 1, y->part_object - 1)
			      : NULL;
}

static char *sightings_difference(struct pair *pair, const struct node *x, const struct node *y)
{
	uint32_t a = x->sightings, b = y->sightings;
	char *found = NULL;

	COMPARE("crowded", x->is_crowded, y->is_crowded);
	COMPARE("sightings of a node", x->nr_sightings, y->nr_sightings);
	while (!found && a && b) {
		found = object_difference(pair, pair->a->sightings[a - 1].object,
					  pair->b->sightings[b - 1].object);
		a = pair->a->sightings[a - 1].next;
		b = pair->b->sightings[b - 1].next;
	}
	return found;
}

static char *history_difference(const struct pair *pair, uint32_t a, uint32_t b,
				enum history_kind kind)
{
	const struct node_history *x = profile_history(pair->a, a, kind);
	const struct node_history *y = profile_history(pair->b, b, kind);

	COMPARE("has a history", !x, !y);
	if (!x)
		return NULL;
	COMPARE("doublings", x->doublings, y->doublings);
	COMPARE("last slot", x->last, y->last);
	for (uint32_t slot = 0; slot <= x->last; slot++)
		COMPARE("low", x->low[slot], y->low[slot]);
	return NULL;
}

static char *allocs_difference(const struct pair *pair, uint32_t a, uint32_t b)
{
	const struct node_allocs x = allocs_of(pair->a, a), y = allocs_of(pair->b, b);

	COMPARE("bytes allocated", x.bytes, y.bytes);
	COMPARE("blocks", x.blocks, y.blocks);
	COMPARE("allocated at the peak", x.peak_more, y.peak_more);
	COMPARE("allocated at the end", x.final_more, y.final_more);
	COMPARE("blocks at the end", x.final_blocks_more, y.final_blocks_more);
	COMPARE("bytes taken", x.taken, y.taken);
	COMPARE("blocks taken", x.taken_blocks, y.taken_blocks);
	COMPARE("blocks freed", x.freed_blocks, y.freed_blocks);
	return NULL;
}

static char *node_difference(struct pair *pair, uint32_t a, uint32_t b)
{
	const struct node *x = &pair->a->nodes[a], *y = &pair->b->nodes[b];
	const struct cost x_cost = profile_cost(pair->a, a), y_cost = profile_cost(pair->b, b);
	struct held x_held = held_of(pair->a, a), y_held = held_of(pair->b, b);
	char *found;

	x_held.peak_moment = x_held.final_moment = 0; /* the process's */
	y_held.peak_moment = y_held.final_moment = 0;
	if (memcmp(&x_held, &y_held, sizeof(x_held)) != 0)
		return xasprintf("what node %u, %u holds", a, b);
	COMPARE("depth", pair->left.depths[a], pair->right.depths[b]);
	COMPARE("process", x->process, y->process);
	COMPARE("first sight", x->first_ns / DUMP_FIRST_UNIT_NS, y->first_ns / DUMP_FIRST_UNIT_NS);
	COMPARE("calls", x->calls, y->calls);
	if (memcmp(&x_cost, &y_cost, sizeof(x_cost)) != 0)
		return xasprintf("cost of node %u, %u", a, b);
	found = NULL;
	for (enum history_kind kind = 0; !found && kind < NR_HISTORY_KINDS; kind++)
		found = history_difference(pair, a, b, kind);
	found = found ? found : allocs_difference(pair, a, b);
	found = found ? found : site_difference(pair, x->site, y->site);
	return found ? found : sightings_difference(pair, x, y);
}

static char *trees_difference(struct pair *pair)
{
	char *found = NULL;

	COMPARE("nodes", pair->left.count, pair->right.count);
	for (size_t i = 0; !found && i < pair->left.count; i++)
		found = node_difference(pair, pair->left.order[i], pair->right.order[i]);
	return found;
}

static char *nodes_difference(const struct profile *a, const struct profile *b)
{
	struct pair pair = { a, b, make_forest(a), make_forest(b), { 0 }, { 0 } };
	char *found = trees_difference(&pair);

	free_forest(&pair.left);
	free_forest(&pair.right);
	hash_table_free(&pair.objects);
	hash_table_free(&pair.objects_back);
	return found;
}

static char *threads_difference(const struct pair *pair, const struct process *a,
				const struct process *b)
{
	COMPARE("threads", a->nr_threads, b->nr_threads);
	for (size_t i = 0; i < a->nr_threads; i++) {
		const struct thread *x = &a->threads[i], *y = &b->threads[i];

		COMPARE("tid", x->tid, y->tid);
		COMPARE("thread's growth", x->growth, y->growth);
		COMPARE("thread's start", x->start_ns, y->start_ns);
		COMPARE("thread's end", x->end_ns, y->end_ns);
		SAME_STRING("thread's name", pair, x->name, y->name);
	}
	return NULL;
}

/* A census is the same when its bytes are (tests/unit/test_census.c). */
static char *census_difference(size_t index, const struct process *a, const struct process *b)
{
	_cleanup_(packed_bytes_free) struct packed_bytes first = { 0 }, second = { 0 };

	COMPARE("has a census", !a->census, !b->census);
	if (!a->census)
		return NULL;
	COMPARE("time of the census", a->census_ns, b->census_ns);
	census_write(a->census, &first);
	census_write(b->census, &second);
	COMPARE("size of the census", first.size, second.size);
	return bytes_difference("census", index, first.bytes, second.bytes, first.size);
}

static char *process_difference(const struct pair *pair, size_t index)
{
	const struct process *a = &pair->a->processes[index], *b = &pair->b->processes[index];
	char *found;

	COMPARE("pid", a->pid, b->pid);
	COMPARE("ppid", a->ppid, b->ppid);
	SAME_STRING("command", pair, a->command, b->command);
	SAME_STRING("python", pair, a->python, b->python);
	COMPARE("begin", a->begin, b->begin);
	COMPARE("end", a->end, b->end);
	COMPARE("exit code", a->exit_code, b->exit_code);
	COMPARE("exit signal", a->exit_signal, b->exit_signal);
	COMPARE("calls method", a->calls_method, b->calls_method);
	COMPARE("calls complete", a->calls_seen, b->calls_seen);
	SAME_STRING("calls reason", pair, a->calls_reason, b->calls_reason);
	COMPARE("start", a->start_ns, b->start_ns);
	COMPARE("end", a->end_ns, b->end_ns);
	COMPARE("capture", profile_captured_ns(pair->a, a), profile_captured_ns(pair->b, b));
	COMPARE("peak", a->peak, b->peak);
	COMPARE("time of the peak", a->peak_time_ns, b->peak_time_ns);
	COMPARE("has owners", a->has_owners, b->has_owners);
	COMPARE("has unshared", a->has_unshared, b->has_unshared);
	COMPARE("time without unshared", a->unshared_late_ns, b->unshared_late_ns);
	COMPARE("has mapped", a->has_mapped, b->has_mapped);
	COMPARE("has inside", a->has_inside, b->has_inside);
	COMPARE("time of inside", a->inside_ns, b->inside_ns);
	COMPARE("moment of the peak", a->peak_moment, b->peak_moment);
	COMPARE("moment of the end", a->final_moment, b->final_moment);
	COMPARE("has allocations", a->has_allocs, b->has_allocs);
	COMPARE("time of the first", a->allocs_since_ns, b->allocs_since_ns);
	COMPARE("moment of their peak", a->alloc_moment, b->alloc_moment);
	COMPARE("allocated in the end", a->alloc_end, b->alloc_end);
	COMPARE("allocated at their peak", a->alloc_peak, b->alloc_peak);
	COMPARE("unknown frees", a->unknown_frees, b->unknown_frees);
	COMPARE("samples", a->nr_samples, b->nr_samples);
	COMPARE("sources", a->sources, b->sources);
	COMPARE("program", a->program_ns, b->program_ns);
	found = bytes_difference("opening", index, a->opening, b->opening, sizeof(a->opening));
	found = found ? found
		      : bytes_difference("books", index, a->books, b->books, sizeof(a->books));
	found = found ? found
		      : bytes_difference("kernel", index, a->kernel, b->kernel, sizeof(a->kernel));
	found = found ? found : bytes_difference("live", index, a->live, b->live, sizeof(a->live));
	found = found ? found
		      : bytes_difference("held at the peak", index, a->peak_held, b->peak_held,
					 sizeof(a->peak_held));
	found = found ? found
		      : bytes_difference("losses", index, a->losses, b->losses, sizeof(a->losses));
	found = found ? found
		      : bytes_difference("samples", index, a->samples, b->samples,
					 a->nr_samples * sizeof(*a->samples));
	found = found ? found
		      : bytes_difference("shares", index, &a->shares, &b->shares,
					 sizeof(a->shares));
	found = found ? found
		      : bytes_difference("inside", index, &a->inside, &b->inside,
					 sizeof(a->inside));
	found = found ? found : census_difference(index, a, b);
	return found ? found : threads_difference(pair, a, b);
}

char *dump_fixture_difference(const struct profile *a, const struct profile *b)
{
	const struct pair pair = { .a = a, .b = b };
	char *found = meta_difference(&a->meta, &b->meta);

	found = found ? found : nodes_difference(a, b);
	if (found)
		return found;
	COMPARE("processes", a->nr_processes, b->nr_processes);
	for (size_t i = 0; !found && i < a->nr_processes; i++)
		found = process_difference(&pair, i);
	if (found)
		return found;
	COMPARE("highest moment", a->highest.bytes, b->highest.bytes);
	COMPARE("its time", a->highest.time_ns, b->highest.time_ns);
	COMPARE("its RSS", a->highest.rss, b->highest.rss);
	COMPARE("its processes", a->highest.nr_processes, b->highest.nr_processes);
	COMPARE("whether it is a bound", a->highest.is_bound, b->highest.is_bound);
	COMPARE("the highest sum of RSS", a->highest.rss_most, b->highest.rss_most);
	COMPARE("snapshots", a->nr_snapshots, b->nr_snapshots);
	for (size_t i = 0; i < a->nr_snapshots; i++)
		COMPARE("a snapshot", a->snapshots[i], b->snapshots[i]);
	return bytes_difference("losses", 0, a->losses, b->losses, sizeof(a->losses));
}

/* ---- profiles ---- */

static uint32_t add_string(struct profile *profile, const char *text)
{
	return string_pool_add(&profile->strings, text);
}

static void fill_meta(struct profile_meta *meta)
{
	meta->command = xcalloc(3, sizeof(*meta->command));
	meta->command[0] = xstrdup("python3");
	meta->command[1] = xstrdup("");
	meta->started_s = 1795449600;
	meta->duration_ns = 1250000000;
	meta->kernel = xstrdup("6.18.44");
	meta->memprobe = xstrdup("0.1.0");
	meta->host = xstrdup("h\xc3\xb6st");
	meta->options = xstrdup("");
	meta->calls_mode = CALLS_MODE_EXACT;
}

static void fill_process(struct profile *profile, uint32_t index)
{
	struct process *process = &profile->processes[index];

	process->pid = 4711 + index;
	process->ppid = 4700;
	process->command = add_string(profile, "python3 \x1b[31m\xff.py");
	process->python = add_string(profile, "3.11.2");
	process->begin = BEGAN_FORK;
	process->end = END_SIGNAL;
	process->exit_code = INT32_MIN;
	process->exit_signal = 9;
	process->calls_method = CALLS_BY_UPROBE;
	process->calls_seen = CALLS_SEEN_ALL;
	process->calls_reason = add_string(profile, "resumes are not seen");
	process->start_ns = 1000;
	process->end_ns = 1240000000;
	for (int kind = 0; kind < NR_KINDS; kind++) {
		process->opening[kind] = 4096LL * kind;
		process->books[kind] = -4096LL * kind;
		process->kernel[kind] = (1LL << 50) - kind;
	}
	process->peak = 98304000;
	process->losses[LOSS_stack_truncated] = (struct loss_count){ 3, 12288, 4096 };
	profile_add_sample(profile, index, 10, 0);
	profile_add_sample(profile, index, 10, 8192000);
	profile_add_sample(profile, index, 20000000, -4096);
	profile_add_thread(profile, index,
			   &(struct thread){ 1, add_string(profile, "worker"), -8192, 5, 6 });
}

struct profile *dump_fixture_profile(void)
{
	struct profile *profile = profile_new();
	struct site site = {
		.kind = SITE_PYTHON, .line = -7, .version = 0x30b, .is_resumable = true
	};
	uint32_t first = profile_add_process(profile), second = profile_add_process(profile), node;

	fill_meta(&profile->meta);
	fill_process(profile, first);
	fill_process(profile, second);
	profile_add_blob(profile, "", 0);
	site.file = add_string(profile, "/home/u/run.py");
	site.name = add_string(profile, "<module>");
	site.linetable = profile_add_blob(profile, "\0\1\2\xff", 4);
	profile_add_site(profile, &site);
	profile_add_site(profile, &(struct site){ .kind = SITE_DEEPER, .line = INT32_MIN });
	node = profile_add_node(profile, first, NO_NODE, 0, 2000000000);
	node = profile_add_node(profile, first, node, 1, 1000000000);
	profile_add_cost(profile, node,
			 &(struct cost){ .grown = { 4096, 0, 1, 1LL << 40 },
					 .released = { 0, 8192, 0, -5 } });
	profile_add_calls(profile, node, 1);
	node = profile_add_node(profile, first, node, 0, 3000000000);
	profile_add_calls(profile, node, 1ULL << 61);
	profile_add_node(profile, second, NO_NODE, 0, 0);
	profile->losses[LOSS_ring_full] = (struct loss_count){ 1ULL << 40, 0, 0 };
	profile->highest = (struct moment){ 1, 1LL << 41, 1LL << 42, 3, true, 1LL << 43 };
	profile_judge_calls(profile);
	return profile;
}

uint64_t dump_fixture_random(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15ULL; /* splitmix64 */

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

uint64_t dump_fixture_below(uint64_t *state, uint64_t limit)
{
	return dump_fixture_random(state) % limit;
}

/* Of any magnitude, small ones as often as large. */
static int64_t random_amount(uint64_t *state, unsigned int max_bits)
{
	uint64_t bits = dump_fixture_below(state, max_bits + 1);
	int64_t value = (int64_t)(dump_fixture_random(state) & ((1ULL << bits) - 1));

	return dump_fixture_below(state, 8) ? value : -value;
}

static int64_t random_pages(uint64_t *state)
{
	return random_amount(state, 36) * DUMP_PAGE_BYTES;
}

static uint32_t random_string(struct profile *profile, uint64_t *state)
{
	uint64_t length = dump_fixture_below(state, 24);
	char text[24];

	if (dump_fixture_below(state, 2))
		return (uint32_t)dump_fixture_below(state, profile->strings.count);
	for (uint64_t i = 0; i < length; i++)
		text[i] = (char)(1 + dump_fixture_below(state, 255));
	return string_pool_add_bytes(&profile->strings, text, length);
}

static void grow_process(struct profile *profile, uint64_t *state)
{
	uint32_t index = profile_add_process(profile);
	struct process *process;

	process = &profile->processes[index];
	process->pid = (uint32_t)dump_fixture_random(state);
	process->ppid = (uint32_t)dump_fixture_random(state);
	process->command = random_string(profile, state);
	process->begin = dump_fixture_below(state, BEGAN_ATTACH + 1);
	process->start_ns = dump_fixture_random(state) >> 2;
}

static void change_inside(struct process *process, uint64_t *state)
{
	struct heap_inside inside = {
		.malloc_state = dump_fixture_below(state, NR_HEAP_STATES),
		.pymalloc_state = dump_fixture_below(state, NR_HEAP_STATES),
		.mimalloc_state = dump_fixture_below(state, NR_HEAP_STATES),
		.nr_arenas = (uint32_t)dump_fixture_random(state),
		.malloc_free = HEAP_MAX_BYTES,
		.pymalloc_free = HEAP_MAX_BYTES,
		.mimalloc_free = HEAP_MAX_BYTES,
	};

	/* Parts stay within their wholes. */
	for (size_t i = 0; i < heap_amounts_count(); i++) {
		uint64_t *amount = heap_amounts_at(&inside, i);

		if (!*amount)
			*amount = dump_fixture_random(state) % HEAP_MAX_BYTES;
	}
	memset(inside.malloc_name, 'a', dump_fixture_below(state, HEAP_NAME_BYTES));
	process->has_inside = true;
	process->inside_ns = dump_fixture_random(state) >> 2;
	process->inside = inside;
}

/* Now and then another one, which takes the place of what the file has. */
static void change_census(struct profile *profile, uint64_t *state, uint32_t index)
{
	struct census census = { .refused = CENSUS_NONE, .cut = dump_fixture_below(state, 2) };
	char name[32];

	if (dump_fixture_below(state, 3))
		return;
	string_pool_init(&census.strings);
	census.nr_holders = dump_fixture_below(state, 300);
	census.holders = xcalloc(census.nr_holders, sizeof(*census.holders));
	for (uint32_t i = 0; i < census.nr_holders; i++) {
		snprintf(name, sizeof(name), "holder_%u",
			 (unsigned int)dump_fixture_below(state, 100));
		census.holders[i] = (struct census_holder){
			.parent = i ? dump_fixture_below(state, i) : CENSUS_NONE,
			.kind = dump_fixture_below(state, NR_CENSUS_HOLDER_KINDS),
			.name = string_pool_add(&census.strings, name),
			.bytes = dump_fixture_random(state) >> 16,
		};
	}
	profile_set_census(profile, index, &census, dump_fixture_random(state) >> 2);
}

static void change_process(struct profile *profile, uint64_t *state, uint32_t index)
{
	struct process *process = &profile->processes[index];

	process->end = dump_fixture_below(state, END_EXEC + 1);
	process->exit_code = (int32_t)dump_fixture_below(state, 256);
	process->exit_signal = (int32_t)dump_fixture_below(state, 65);
	process->end_ns = dump_fixture_random(state) >> 2;
	process->peak = random_pages(state);
	process->books[dump_fixture_below(state, NR_KINDS)] = random_amount(state, 50);
	process->kernel[dump_fixture_below(state, NR_KINDS)] = random_amount(state, 50);
	process->losses[dump_fixture_below(state, NR_LOSSES)].events++;
	process->sources = SOURCES_HERE + dump_fixture_below(state, 3);
	process->program_ns = dump_fixture_random(state) >> 2;
	process->shares.rss = 1 + dump_fixture_below(state, 1000);
	process->shares.uss = random_amount(state, 50);
	change_inside(process, state);
	change_census(profile, state, index);
	process->losses[LOSS_nodes_full].bytes += 8192;
	process->losses[LOSS_nodes_full].released += 4096;
	process->calls_method = dump_fixture_below(state, CALLS_BY_UPROBE + 1);
	process->calls_seen = dump_fixture_below(state, NR_CALLS_SEEN);
	process->is_dirty = true;
}

/* New moments, too; what nodes held at those before counts no more. */
static void change_owners(struct profile *profile, uint64_t *state, uint32_t index)
{
	struct process *process = &profile->processes[index];

	process->has_owners = dump_fixture_below(state, 8);
	process->has_mapped = dump_fixture_below(state, 2);
	process->has_unshared = dump_fixture_below(state, 2);
	process->peak_time_ns = dump_fixture_random(state) >> 2;
	process->unshared_late_ns = dump_fixture_random(state) >> 2;
	process->peak_moment += dump_fixture_below(state, 3);
	process->final_moment += dump_fixture_below(state, 2);
	process->peak = random_pages(state);
	process->live[dump_fixture_below(state, NR_KINDS)] = random_pages(state);
	process->peak_held[dump_fixture_below(state, NR_KINDS)] = random_pages(state);
	process->is_dirty = true;
}

static struct history_step random_step(uint64_t *state)
{
	uint64_t time = dump_fixture_random(state) >> dump_fixture_below(state, 40);

	return (struct history_step){ time / 2, time, random_pages(state) };
}

static void grow_held(struct profile *profile, uint64_t *state)
{
	struct history_step step;
	uint32_t node = (uint32_t)dump_fixture_below(state, profile->nr_nodes);
	const struct process *process = &profile->processes[profile->nodes[node].process];
	struct held *held = profile_hold(profile, node), was = *held;

	*held = held_now(held, process);
	held->live[dump_fixture_below(state, NR_KINDS)] = random_pages(state);
	if (dump_fixture_below(state, 2))
		held->peak_more[dump_fixture_below(state, NR_KINDS)] = random_pages(state);
	if (process->final_moment && dump_fixture_below(state, 2))
		held->final_more[dump_fixture_below(state, NR_KINDS)] = random_pages(state);
	if (!dump_fixture_below(state, 4))
		held->mapped = random_pages(state);
	if (!dump_fixture_below(state, 4))
		held->heap = random_pages(state);
	if (!dump_fixture_below(state, 4))
		held->unshared = random_pages(state);
	step = random_step(state);
	profile_note_history(profile, node, &was, held, &step);
}

/* As change_owners. */
static void change_allocator(struct profile *profile, uint64_t *state, uint32_t index)
{
	struct process *process = &profile->processes[index];

	process->has_allocs = true;
	process->allocs_since_ns = dump_fixture_random(state) >> 2;
	process->alloc_moment += dump_fixture_below(state, 3);
	process->alloc_end = random_amount(state, 48);
	process->alloc_peak = random_amount(state, 48);
	process->unknown_frees += dump_fixture_below(state, 100);
	process->is_dirty = true;
}

static void grow_allocs(struct profile *profile, uint64_t *state)
{
	uint32_t node = (uint32_t)dump_fixture_below(state, profile->nr_nodes);
	const struct process *process = &profile->processes[profile->nodes[node].process];
	struct node_allocs *allocs = profile_allocate(profile, node), was = *allocs;
	struct history_step step;

	*allocs = allocs_now(allocs, process);
	allocs->bytes = random_amount(state, 48);
	allocs->taken += random_amount(state, 48);
	if (dump_fixture_below(state, 2))
		allocs->peak_more = random_amount(state, 48);
	if (process->final_moment && dump_fixture_below(state, 2))
		allocs->final_more = random_amount(state, 48);
	if (process->final_moment && dump_fixture_below(state, 2))
		allocs->final_blocks_more = random_amount(state, 30);
	if (dump_fixture_below(state, 2))
		allocs->taken_blocks = allocs->blocks = random_amount(state, 30);
	if (!dump_fixture_below(state, 4))
		allocs->freed_blocks = random_amount(state, 30);
	step = random_step(state);
	profile_note_alloc_history(profile, &was, allocs, &step);
}

static void grow_thread(struct profile *profile, uint64_t *state, uint32_t index)
{
	struct process *process = &profile->processes[index];
	struct thread thread = { .name = random_string(profile, state) };

	if (process->nr_threads && dump_fixture_below(state, 2)) {
		process->threads[dump_fixture_below(state, process->nr_threads)].growth =
			random_amount(state, 40);
		process->is_dirty = true;
		return;
	}
	thread.tid = (uint32_t)dump_fixture_random(state);
	thread.growth = random_amount(state, 40);
	thread.start_ns = dump_fixture_random(state) >> 2;
	thread.end_ns = 1 + (dump_fixture_random(state) >> 3);
	profile_add_thread(profile, index, &thread);
}

static void grow_samples(struct profile *profile, uint64_t *state, uint32_t index)
{
	const struct process *process = &profile->processes[index];
	uint64_t count = dump_fixture_below(state, 300), time = 0;

	if (process->nr_samples)
		time = process->samples[process->nr_samples - 1].time_ns;
	for (uint64_t i = 0; i < count; i++) {
		time += dump_fixture_below(state, 1 << 20);
		profile_add_sample(profile, index, time, random_amount(state, 50));
	}
}

/* It has no line, and is no part. */
static void grow_c_site(struct profile *profile, uint64_t *state)
{
	const struct site site = {
		.kind = SITE_C,
		.file = random_string(profile, state),
		.name = random_string(profile, state),
		.offset = dump_fixture_random(state) >> dump_fixture_below(state, 64),
	};

	profile_add_site(profile, &site);
}

static void grow_site(struct profile *profile, uint64_t *state)
{
	struct site site = { .kind = dump_fixture_below(state, NR_SITE_KINDS) };
	uint64_t bytes[64];

	if (site.kind == SITE_C) {
		grow_c_site(profile, state);
		return;
	}
	site.file = random_string(profile, state);
	site.name = random_string(profile, state);
	site.line = (int32_t)random_amount(state, 31);
	site.version = dump_fixture_below(state, 2) ? 0x30b : 0;
	site.is_resumable = dump_fixture_below(state, 2);
	site.is_coroutine = site.name & 1; /* a property of the code, as in a capture */
	if (dump_fixture_below(state, 2))
		site.part_object = (uint32_t)dump_fixture_below(state, profile->nr_objects + 1);
	if (dump_fixture_below(state, 2))
		site.at = (int32_t)random_amount(state, 31);
	for (size_t i = 0; i < ARRAY_SIZE(bytes); i++)
		bytes[i] = dump_fixture_random(state);
	if (dump_fixture_below(state, 2))
		site.linetable = profile_add_blob(
			profile, bytes, (uint32_t)dump_fixture_below(state, sizeof(bytes)));
	profile_add_site(profile, &site);
}

static void grow_object(struct profile *profile, uint64_t *state, uint32_t process)
{
	struct object object = { .process = process,
				 .class_name = random_string(profile, state),
				 .instance = (uint32_t)dump_fixture_below(state, 1 << 20) };

	profile_add_object(profile, &object);
}

/* An object of a node, the first of some more than are kept, or a name that is known only now. */
static void grow_sightings(struct profile *profile, uint64_t *state)
{
	uint32_t object, node;

	if (!profile->nr_objects || !profile->nr_nodes)
		return;
	object = (uint32_t)dump_fixture_below(state, profile->nr_objects);
	node = (uint32_t)dump_fixture_below(state, profile->nr_nodes);
	profile_add_sighting(profile, node, object);
	for (size_t i = 0; i < profile->nr_objects && !dump_fixture_below(state, 8); i++)
		profile_add_sighting(profile, node, (uint32_t)i);
	if (dump_fixture_below(state, 2))
		return;
	profile->objects[object].pathname = random_string(profile, state) + 1;
	profile->objects[object].is_dirty = true;
}

static void grow_node(struct profile *profile, uint64_t *state, uint32_t process)
{
	uint32_t parent = NO_NODE;

	if (profile->nr_nodes && dump_fixture_below(state, 8)) {
		parent = (uint32_t)dump_fixture_below(state, profile->nr_nodes);
		process = profile->nodes[parent].process;
	}
	profile_add_node(profile, process, parent,
			 (uint32_t)dump_fixture_below(state, profile->nr_sites),
			 dump_fixture_random(state) >> 2);
}

static void grow_cost(struct profile *profile, uint64_t *state)
{
	struct cost cost = { 0 };

	cost.grown[dump_fixture_below(state, NR_KINDS)] = random_amount(state, 40);
	cost.released[dump_fixture_below(state, NR_KINDS)] = random_amount(state, 40);
	profile_add_cost(profile, (uint32_t)dump_fixture_below(state, profile->nr_nodes), &cost);
}

static void grow_calls(struct profile *profile, uint64_t *state)
{
	profile_add_calls(profile, (uint32_t)dump_fixture_below(state, profile->nr_nodes),
			  dump_fixture_random(state) >> (24 + dump_fixture_below(state, 40)));
}

static void grow_by_one(struct profile *profile, uint64_t *state)
{
	uint32_t process = (uint32_t)dump_fixture_below(state, profile->nr_processes);

	switch (dump_fixture_below(state, 36)) {
	case 0:
		grow_process(profile, state);
		break;
	case 1:
		change_process(profile, state, process);
		break;
	case 2:
		grow_thread(profile, state, process);
		break;
	case 3:
		grow_samples(profile, state, process);
		break;
	case 4:
		profile->losses[dump_fixture_below(state, NR_LOSSES)].bytes += 4096;
		profile->highest.bytes += 4096;
		profile->highest.is_bound = profile->highest.bytes & 4096;
		profile->highest.rss_most += 8192;
		profile_add_snapshot(profile, profile->meta.duration_ns);
		break;
	case 5:
	case 6:
		grow_site(profile, state);
		break;
	case 7:
	case 8:
	case 9:
	case 10:
		grow_node(profile, state, process);
		break;
	case 11:
	case 12:
	case 13:
	case 14:
		grow_calls(profile, state);
		break;
	case 15:
		grow_object(profile, state, process);
		break;
	case 16:
	case 17:
	case 18:
		grow_sightings(profile, state);
		break;
	case 19:
		change_owners(profile, state, process);
		break;
	case 20:
	case 21:
	case 22:
	case 23:
		grow_held(profile, state);
		break;
	case 24:
		change_allocator(profile, state, process);
		break;
	case 25:
	case 26:
	case 27:
		grow_allocs(profile, state);
		break;
	default:
		grow_cost(profile, state);
	}
}

void dump_fixture_grow(struct profile *profile, uint64_t *state, unsigned int amount)
{
	if (!profile->nr_nodes) {
		grow_process(profile, state);
		grow_site(profile, state);
		grow_node(profile, state, 0);
	}
	for (unsigned int i = 0; i < amount; i++)
		grow_by_one(profile, state);
	/* Else the reader would find what is missing. */
	profile_settle(profile);
	profile_judge_calls(profile);
	profile->meta.duration_ns += dump_fixture_below(state, 1 << 30);
}

/* ---- files ---- */

char *dump_fixture_directory(void)
{
	const char *parent = getenv("TMPDIR");
	char *path = xasprintf("%s/memprobe-dump-XXXXXX", parent ? parent : "/tmp");

	check(mkdtemp(path) != NULL, "make a directory");
	return path;
}

static bool is_name(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

void dump_fixture_remove(char *directory)
{
	DIR *names = opendir(directory);
	const struct dirent *entry;

	check(names != NULL, "open a directory");
	while ((entry = readdir(names))) {
		if (is_name(entry) && unlinkat(dirfd(names), entry->d_name, 0) < 0)
			check(!unlinkat(dirfd(names), entry->d_name, AT_REMOVEDIR), "remove");
	}
	closedir(names);
	rmdir(directory);
	free(directory);
}

size_t dump_fixture_count(const char *directory)
{
	DIR *names = opendir(directory);
	const struct dirent *entry;
	size_t count = 0;

	check(names != NULL, "open a directory");
	while ((entry = readdir(names)))
		count += is_name(entry);
	closedir(names);
	return count;
}

struct packed_bytes dump_fixture_load(const char *path)
{
	struct packed_bytes file = { 0 };
	uint8_t chunk[4096];
	FILE *stream = fopen(path, "re");
	size_t size;

	check(stream != NULL, "open a file");
	while ((size = fread(chunk, 1, sizeof(chunk), stream)))
		packed_bytes_put(&file, chunk, size);
	fclose(stream);
	return file;
}

void dump_fixture_store(const char *path, const void *bytes, size_t size)
{
	FILE *stream = fopen(path, "we");

	check(stream && fwrite(bytes, 1, size, stream) == size && !fclose(stream), "write a file");
}

void dump_fixture_put_header(struct packed_bytes *file, uint64_t closed_bytes)
{
	uint8_t bytes[HEADER_BYTES];

	dump_header_pack(closed_bytes, bytes);
	packed_bytes_put(file, bytes, sizeof(bytes));
}

void dump_fixture_put_block(struct packed_bytes *file, unsigned int type, unsigned int version,
			    const struct packed_bytes *payload)
{
	_cleanup_(freep) uint8_t *stored = NULL;
	unsigned long size = compressBound(payload->size);
	uint8_t head[BLOCK_HEAD_BYTES];
	uint32_t crc;

	stored = xmalloc(size);
	check(compress2(stored, &size, payload->bytes, payload->size, 1) == Z_OK, "compress");
	packed_store16(head + BLOCK_TYPE, (uint16_t)type);
	packed_store16(head + BLOCK_VERSION, (uint16_t)version);
	packed_store32(head + BLOCK_STORED, (uint32_t)size);
	packed_store32(head + BLOCK_RAW, (uint32_t)payload->size);
	crc = (uint32_t)crc32(0, stored, size);
	packed_store32(head + BLOCK_CRC, (uint32_t)crc32(crc, head, BLOCK_CRC));
	packed_bytes_put(file, head, sizeof(head));
	packed_bytes_put(file, stored, size);
}

void dump_fixture_put_section(struct packed_bytes *payload, uint64_t tag,
			      const struct packed_bytes *records)
{
	packed_bytes_put_unsigned(payload, tag);
	packed_bytes_put_counted(payload, records->bytes, records->size);
}

int dump_fixture_read(const void *bytes, size_t size, struct profile **ret_profile,
		      struct dump_error *ret_error)
{
	_cleanup_(closep) int fd = memfd_create("dump", MFD_CLOEXEC);

	check(fd >= 0 && (!size || write(fd, bytes, size) == (ssize_t)size), "copy a file");
	return dump_read_fd(fd, ret_profile, ret_error);
}
