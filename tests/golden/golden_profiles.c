/* SPDX-License-Identifier: BSD-2-Clause */
/* The profiles whose reports are compared; see golden_profiles.h. */
#include "golden_profiles.h"

#include "memory.h"
#include "profile_builder.h"
#include "profile_calls.h"

#define SCRIPT "/home/u/run.py"
#define NUMPY "/usr/lib/python3/dist-packages/numpy/lib/shape_base.py"
#define OTHER "/home/u/.local/lib/python3/dist-packages/extra.py"
#define JSON "/usr/lib/python3.11/json/decoder.py"

static void add_measures(struct profile *profile, uint32_t index)
{
	struct thread threads[] = {
		{ .tid = 4711, .growth = 12 * MB, .start_ns = 0, .end_ns = 9000000 },
		{ .tid = 4712, .growth = -1, .start_ns = 1500000, .end_ns = 2000000001 },
	};

	threads[0].name = string_pool_add(&profile->strings, "python3");
	threads[1].name = string_pool_add(&profile->strings, "worker\xff");
	profile_add_thread(profile, index, &threads[0]);
	profile_add_thread(profile, index, &threads[1]);
	profile_add_sample(profile, index, 0, 0);
	profile_add_sample(profile, index, 10000000, 8192000);
	profile->processes[index].losses[LOSS_nodes_full] = (struct loss_count){ 12, 3 * MB, MB };
	profile->processes[index].losses[LOSS_stack_truncated] = (struct loss_count){ 1, 12288, 0 };
	/* One page more than was booked. */
	profile->processes[index].kernel[KIND_ANON] += 4096;
}

struct profile *golden_single(void)
{
	struct profile_builder builder = builder_new();
	uint32_t process = builder_process(&builder, 4711, "python3 run.py", "3.11.2");
	uint32_t main, setup, tile, cut;

	builder_special(&builder, NO_NODE, SITE_STARTUP, NULL, 5.5);
	main = builder_python(&builder, NO_NODE, SCRIPT, "<module>", 2);
	setup = builder_python(&builder, main, SCRIPT, "Problem.setup", 3567.84);
	tile = builder_python(&builder, setup, NUMPY, "tile", 812.84);
	builder_cost(&builder, tile, KIND_FILE, 4 * MB, 2 * MB);
	builder_cost(&builder, tile, KIND_SHMEM, 3 * MB, 0);
	builder_cost(&builder, tile, KIND_SWAP, 7 * MB, 0);
	builder_python(&builder, main, OTHER, "extra", 1.5);
	builder_python(&builder, main, JSON, "JSONDecoder.decode.<locals>.scan", 1.25);
	builder_python(&builder, main, JSON, "<lambda>", 9.125);
	builder_python(&builder, main, SCRIPT, "Problem.release", -20);
	builder_python(&builder, main, SCRIPT, "exactly", 1);
	builder_special(&builder, NO_NODE, SITE_NATIVE, "pool-worker", 6);
	builder_special(&builder, NO_NODE, SITE_KERNEL, NULL, -2);
	cut = builder_special(&builder, NO_NODE, SITE_TRUNCATED, NULL, 0);
	builder_python(&builder, cut, SCRIPT, "recurse", 2.5);
	builder_special(&builder, setup, SITE_DEEPER, NULL, 4);
	builder_special(&builder, NO_NODE, SITE_LOST, NULL, 3);
	builder_special(&builder, NO_NODE, SITE_SHUTDOWN, NULL, -0.001);
	builder_finish(&builder);
	builder.profile->meta.command = xcalloc(3, sizeof(char *));
	builder.profile->meta.command[0] = xstrdup("python3");
	builder.profile->meta.command[1] = xstrdup("run.py");
	add_measures(builder.profile, process);
	return builder.profile;
}

static uint32_t add_machinery(struct profile_builder *builder, uint32_t parent)
{
	static const char frozen[] = "<frozen importlib._bootstrap>";

	parent = builder_python(builder, parent, frozen, "_find_and_load", 0.25);
	parent = builder_python(builder, parent, frozen, "_load_unlocked", 0.25);
	return builder_python(builder, parent, "<frozen importlib._bootstrap_external>",
			      "SourceLoader.exec_module", 0.5);
}

struct profile *golden_imports(void)
{
	struct profile_builder builder = builder_new();
	uint32_t main, package, loader;

	builder_process(&builder, 4711, "python3 run.py", "3.11.2");
	loader = add_machinery(&builder, NO_NODE);
	builder_python(&builder, loader, "/usr/lib/python3.11/site.py", "<module>", 2);
	main = builder_python(&builder, NO_NODE, SCRIPT, "<module>", 0);
	package = builder_python(&builder, add_machinery(&builder, main), "/opt/p/__init__.py",
				 "<module>", 3);
	builder_python(&builder, add_machinery(&builder, package), "/opt/p/core.py", "<module>", 4);
	/* The same module below two ways of loading is one row. */
	loader = builder_python(&builder, main, "/usr/lib/python3.6/importlib/_bootstrap.py",
				"import_it", 1);
	builder_python(&builder, loader, "/opt/p/__init__.py", "<module>", 5);
	loader = builder_python(&builder, main, "<frozen zipimport>", "zipimporter.load", 1);
	builder_python(&builder, loader, "/opt/z.zip/z.py", "<module>", 6);
	/* These are no machinery. */
	builder_python(&builder, main, "/opt/myimportlib/_bootstrap.py", "mine", 7);
	builder_python(&builder, main, "/usr/lib/python3.11/importlib/__init__.py", "import_module",
		       8);
	builder_finish(&builder);
	return builder.profile;
}

struct profile *golden_hidden(void)
{
	struct profile_builder builder = builder_new();
	uint32_t main, first, second;

	builder_process(&builder, 4711, "python3 run.py", "3.11.2");
	main = builder_python(&builder, NO_NODE, SCRIPT, "<module>", 2);
	builder_python(&builder, main, SCRIPT, "A.small", 0.5);
	first = builder_python(&builder, main, SCRIPT, "A.released", -50);
	second = builder_python(&builder, first, SCRIPT, "A.too", -10);
	builder_python(&builder, second, SCRIPT, "A.deep", 30);
	builder_python(&builder, second, SCRIPT, "A.tiny", 0.125);
	builder_python(&builder, first, SCRIPT, "A.beside", 4);
	builder_python(&builder, main, SCRIPT, "A.plain", 70);
	first = builder_python(&builder, main, SCRIPT, "A.next", -8);
	builder_python(&builder, first, SCRIPT, "A.below", 8);
	first = builder_python(&builder, main, SCRIPT, "A.last", -9);
	builder_python(&builder, first, SCRIPT, "A.bottom", 9);
	builder_finish(&builder);
	return builder.profile;
}

static void add_small_process(struct profile_builder *builder, uint32_t pid, double mb)
{
	builder_process(builder, pid, "/bin/sh -c true", NULL);
	builder_special(builder, NO_NODE, SITE_STARTUP, NULL, mb);
}

struct profile *golden_processes(void)
{
	struct profile_builder builder = builder_new();
	uint32_t killed, small;

	add_small_process(&builder, 4710, 0.5);
	small = builder.process;
	builder_process(&builder, 4711, "python3 run.py", "3.11.2");
	builder_opening(&builder, BEGAN_ATTACH, 41.2);
	builder_python(&builder, NO_NODE, SCRIPT, "<module>", 20);
	killed = builder_process(&builder, 4712, "python3 run.py", "3.11.2");
	builder_opening(&builder, BEGAN_FORK, 61);
	builder_python(&builder, NO_NODE, SCRIPT, "Worker.run", 3.5);
	builder_process(&builder, 4713, "python3 idle.py", "3.11.2");
	builder_opening(&builder, BEGAN_FORK, 61);
	builder_process(&builder, 4714, "/usr/bin/a-very-long-name-of-a-program --flag", NULL);
	builder_special(&builder, NO_NODE, SITE_STARTUP, NULL, 1.5);
	builder_special(&builder, NO_NODE, SITE_NATIVE, "a-very-long-nam", 2);
	builder_special(&builder, NO_NODE, SITE_NATIVE, "helper", 3);
	add_small_process(&builder, 4715, 0.75);
	builder_finish(&builder);
	builder.profile->processes[small].end = END_EXEC;
	builder.profile->processes[small].losses[LOSS_ring_full] = (struct loss_count){ 2, 0, 0 };
	builder.profile->losses[LOSS_images_full] = (struct loss_count){ 1, 0, 0 };
	builder.profile->losses[LOSS_images_unsent] = (struct loss_count){ 3, 0, 0 };
	builder.profile->losses[LOSS_events_missed] = (struct loss_count){ 2, 0, 0 };
	builder.profile->processes[killed].end = END_SIGNAL;
	builder.profile->processes[killed].exit_signal = 9;
	builder.profile->processes[killed + 1].end = END_RUNNING;
	builder.profile->processes[killed + 2].exit_code = 3;
	builder.profile->meta.is_complete = false;
	builder.profile->highest = (struct moment){ 7250000000, 101 * MB, 163 * MB,
						    3,		true,	  170 * MB };
	return builder.profile;
}

static void copy(struct profile_builder *builder, uint32_t node, double mb)
{
	profile_add_cost(builder->profile, node, &(struct cost){ .unshared = (int64_t)(mb * MB) });
}

/* A worker that reads objects: their counts of references are written. */
static void add_worker(struct profile_builder *builder, uint32_t pid, double mb)
{
	uint32_t process = builder_process(builder, pid, "python3 run.py", "3.11.2");
	uint32_t node;

	builder_opening(builder, BEGAN_FORK, 180);
	node = builder_python(builder, NO_NODE, SCRIPT, "<module>", 0);
	node = builder_python(builder, node, SCRIPT, "main", 0.25);
	node = builder_python(builder, node, SCRIPT, "Pool.start", 0);
	node = builder_python(builder, node, SCRIPT, "bootstrap", 0);
	node = builder_python(builder, node, SCRIPT, "worker", 0);
	copy(builder, node, 0.5);
	copy(builder, builder_python(builder, node, SCRIPT, "epoch", 0), mb);
	builder->profile->processes[process].has_unshared = true;
	builder->profile->processes[process].shares = (struct shares){ 2500000000, 181 * MB,
								       (int64_t)(101.5 * MB),
								       (int64_t)((mb + 1) * MB) };
}

struct profile *golden_copied(void)
{
	struct profile_builder builder = builder_new();

	builder_process(&builder, 4710, "python3 run.py", "3.11.2");
	builder_python(&builder, NO_NODE, SCRIPT, "<module>", 172);
	add_worker(&builder, 4711, 160.5);
	builder.profile->processes[builder.process].unshared_late_ns = 1500000;
	add_worker(&builder, 4712, 80);
	add_worker(&builder, 4713, 0.25); /* too little for a block */
	builder_finish(&builder);
	return builder.profile;
}

struct profile *golden_hostile(void)
{
	static const char *const names[] = {
		"\033[31mred\033[0m",
		"title\033]0;owned\aend",
		"line\nbreak",
		"back\rover",
		"c1\302\23331m",
		"größe数字🚀",
		"bidi\u202egnirts",
		"zero\u200bwidth",
		"line\u2028separator",
		"quote\"back\\slash",
		"bad\xffutf8",
		"<b>&amp;|",
		"cut\xe2\x80",
		"del\177ete",
		"",
		" blanks ",
	};
	struct profile_builder builder = builder_new();
	uint32_t main;

	builder_process(&builder, 4711, "python3 -c 'a\nb' \033[2J", "3.11.2");
	main = builder_python(&builder, NO_NODE, "/tmp/new\nline\033.py", "<module>", 2);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		builder_python(&builder, main, "<hostile>", names[i], 2);
	builder_special(&builder, NO_NODE, SITE_NATIVE, "th\033read", 2);
	builder_process(&builder, 4712, "other", "3.11.2");
	builder_python(&builder, NO_NODE, "", "", 3);
	builder_finish(&builder);
	return builder.profile;
}

/* Counted from start to end, with what is no function and what was folded. */
static void add_counted(struct profile_builder *builder)
{
	uint32_t main, loader, run;

	builder_process(builder, 4711, "python3 run.py", "3.11.2");
	builder_count(builder, CALLS_BY_USDT, true, "");
	builder_special(builder, NO_NODE, SITE_STARTUP, NULL, 5);
	main = builder_python(builder, NO_NODE, SCRIPT, "<module>", 2);
	loader = add_machinery(builder, main);
	builder_calls(builder, loader, 4);
	builder_calls(builder, builder_python(builder, loader, JSON, "<module>", 3), 1);
	builder_calls(builder, main, 1);
	run = builder_python(builder, main, SCRIPT, "Problem.run", 8);
	builder_calls(builder, run, 12);
	builder_cost(builder, run, KIND_ANON, 0, 6 * MB);
	builder_calls(builder, builder_python(builder, run, SCRIPT, "Group.solve", 40), 1234567);
	builder_calls(builder, builder_python(builder, run, SCRIPT, "Group.cheap", 0), 99);
	builder_special(builder, run, SITE_DEEPER, NULL, 4);
	builder_special(builder, NO_NODE, SITE_KERNEL, NULL, 2);
}

/* Counted from the fork on: a frame that was there before has no call. */
static void add_counted_in_part(struct profile_builder *builder)
{
	uint32_t main;

	builder_process(builder, 4712, "python3 run.py", "3.11.2");
	builder_opening(builder, BEGAN_FORK, 61);
	builder_count(builder, CALLS_BY_UPROBE, false, "the process began \033[1mby a fork");
	main = builder_python(builder, NO_NODE, SCRIPT, "<module>", 2);
	builder_calls(builder, builder_python(builder, main, SCRIPT, "Worker.run", 3.5), 2);
	builder_calls(builder, builder_special(builder, main, SITE_DEEPER, NULL, 1.5), 7);
}

struct profile *golden_calls(void)
{
	struct profile_builder builder = builder_new();

	add_counted(&builder);
	add_counted_in_part(&builder);
	builder_process(&builder, 4713, "python3 idle.py", "3.12.1");
	builder_count(&builder, CALLS_BY_NOTHING, false, "the interpreter is stripped");
	builder_python(&builder, NO_NODE, SCRIPT, "<module>", 20);
	builder_process(&builder, 4714, "/usr/bin/other", NULL);
	builder_special(&builder, NO_NODE, SITE_STARTUP, NULL, 15);
	builder_finish(&builder);
	profile_judge_calls(builder.profile);
	builder.profile->meta.calls_mode = CALLS_MODE_AUTO;
	return builder.profile;
}

static uint32_t add_line(struct profile_builder *builder, uint32_t parent, const char *name,
			 int32_t at, uint32_t object)
{
	struct string_pool *strings = &builder->profile->strings;
	const struct site site = {
		.kind = SITE_PYTHON,
		.file = string_pool_add(strings, SCRIPT),
		.name = string_pool_add(strings, name),
		.line = at < 10 ? 1 : at - at % 10,
		.at = at,
		.part_object = object == NO_OBJECT ? 0 : object + 1,
	};
	uint32_t node = profile_add_node(builder->profile, builder->process, parent,
					 profile_add_site(builder->profile, &site),
					 builder->profile->nr_nodes);

	builder_cost(builder, node, KIND_ANON, at * MB, 0);
	builder_calls(builder, node, 2);
	return node;
}

static uint32_t add_object(struct profile_builder *builder, const char *class_name,
			   uint32_t instance, const char *pathname)
{
	struct string_pool *strings = &builder->profile->strings;
	const struct object object = {
		.process = builder->process,
		.class_name = string_pool_add(strings, class_name),
		.instance = instance,
		.pathname = pathname ? string_pool_add(strings, pathname) + 1 : 0,
	};

	return profile_add_object(builder->profile, &object);
}

struct profile *golden_lines(void)
{
	struct profile_builder builder = builder_new();
	uint32_t main, solve, objects[5];

	builder_process(&builder, 4711, "python3 run.py", "3.11.2");
	builder_count(&builder, CALLS_BY_USDT, true, "");
	objects[0] = add_object(&builder, "Group", 0, "a.b");
	objects[1] = add_object(&builder, "Group", 1, "");
	objects[2] = add_object(&builder, "Sub\033[0m", 0, NULL);
	objects[3] = add_object(&builder, "Group", OTHER_INSTANCES, NULL);
	objects[4] = add_object(&builder, "Group", 2, NULL);
	main = add_line(&builder, NO_NODE, "<module>", 1, NO_OBJECT);
	add_line(&builder, main, "Group.solve", 10, objects[0]);
	add_line(&builder, main, "Group.solve", 12, objects[1]);
	add_line(&builder, main, "Group.solve", 13, objects[3]);
	solve = add_line(&builder, NO_NODE, "<module>", 5, NO_OBJECT);
	profile_add_sighting(builder.profile, add_line(&builder, solve, "Group.run", 20, NO_OBJECT),
			     objects[2]);
	solve = add_line(&builder, solve, "Base.run", 21, NO_OBJECT);
	profile_add_sighting(builder.profile, solve, objects[0]);
	profile_add_sighting(builder.profile, solve, objects[4]);
	builder.profile->nodes[solve].is_crowded = true;
	builder_special(&builder, solve, SITE_DEEPER, NULL, 6);
	builder_special(&builder, NO_NODE, SITE_KERNEL, NULL, 2);
	builder_finish(&builder);
	return builder.profile;
}

struct profile *golden_series(void)
{
	struct profile_builder builder = builder_new();

	builder_process(&builder, 4711, "python3 run.py", "3.11.2");
	builder_python(&builder, NO_NODE, SCRIPT, "<module>", 60);
	builder_finish(&builder);
	for (int i = 0; i < 20; i++)
		profile_add_sample(builder.profile, 0, (uint64_t)i * 100000000,
				   (i < 10 ? i : 12 - i / 5 * 2) * 8 * MB);
	builder.profile->processes[0].peak = 96 * MB;
	builder.profile->processes[0].peak_time_ns = 1250000000;
	return builder.profile;
}

/* As a target that holds 200 MB for a tenth of a second, and sleeps for eight. */
struct profile *golden_spike(void)
{
	struct profile_builder builder = builder_new();

	builder_process(&builder, 4711, "python3 run.py", "3.11.2");
	builder_python(&builder, NO_NODE, SCRIPT, "<module>", 13);
	builder_finish(&builder);
	profile_add_sample(builder.profile, 0, 0, 0);
	profile_add_sample(builder.profile, 0, 50000000, 13 * MB);
	for (uint64_t i = 1; i <= 10; i++)
		profile_add_sample(builder.profile, 0, 1000000000 + i * 1000000,
				   13 * MB + (int64_t)i * 20 * MB);
	profile_add_sample(builder.profile, 0, 1100000000, 13 * MB);
	profile_add_sample(builder.profile, 0, 9200000000, 12 * MB);
	builder.profile->processes[0].peak = 213 * MB;
	builder.profile->processes[0].peak_time_ns = 1010000000;
	return builder.profile;
}

struct profile *golden_empty(void)
{
	struct profile_builder builder = builder_new();

	builder_finish(&builder);
	return builder.profile;
}
