/* SPDX-License-Identifier: BSD-2-Clause */
/* The object once more, with the maps that there are; see loader_second.h. */
#include "loader_second.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "loader_object.h"
#include "loader_preempt.h"
#include "memory.h"
#include "memprobe.skel.h"

const struct second_programs second_cow = {
	.all = { { "mm_page_alloc", "cow_alloc" } },
	.count = 1,
};

const struct second_programs second_wakes = {
	.all = { { "sched_waking", "wake_noted" }, { "sched_wakeup_new", "birth_noted" } },
	.count = 2,
};

static struct bpf_program *find_program(const struct loader_second *second, size_t index)
{
	return bpf_object__find_program_by_name(second->skeleton->obj,
						second->programs->all[index].program);
}

/* Constants too: they are a map, which the kernel has frozen. */
static int share_maps(const struct loader *loader, struct memprobe *skeleton)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, skeleton->obj)
	{
		const struct bpf_map *other = bpf_object__find_map_by_name(loader->skeleton->obj,
									   bpf_map__name(map));
		int error;

		if (!other || bpf_map__fd(other) < 0)
			error = bpf_map__set_autocreate(map, false);
		else
			error = bpf_map__reuse_fd(map, bpf_map__fd(other));
		if (error)
			return error;
	}
	return 0;
}

static int open_object(const struct loader *loader, struct memprobe **ret)
{
	_cleanup_(freep) char *btf = xasprintf("/proc/self/fd/%d", loader->btf);
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = btf);
	struct memprobe *skeleton = loader_object_open(&options);
	struct bpf_program *program;
	int error;

	if (!skeleton)
		return -errno;
	bpf_object__for_each_program(program, skeleton->obj)
		bpf_program__set_autoload(program, false);
	error = share_maps(loader, skeleton);
	if (error)
		memprobe__destroy(skeleton);
	else
		*ret = skeleton;
	return error;
}

int loader_second_load(const struct loader *loader, const struct second_programs *programs,
		       struct loader_second *ret)
{
	int error = open_object(loader, &ret->skeleton);

	ret->programs = programs;
	for (size_t i = 0; i < SECOND_LINKS; i++)
		ret->links[i] = -1;
	if (error)
		return error;
	for (size_t i = 0; i < programs->count; i++)
		bpf_program__set_autoload(find_program(ret, i), true);
	error = loader_preempt_put(&loader->features, ret->skeleton->obj);
	if (!error)
		error = loader_object_cause(ret->skeleton, bpf_object__load(ret->skeleton->obj));
	if (error)
		loader_second_close(ret);
	return error;
}

int loader_second_attach(struct loader_second *second)
{
	for (size_t i = 0; i < second->programs->count; i++) {
		int program = bpf_program__fd(find_program(second, i));

		second->links[i] = bpf_raw_tracepoint_open(second->programs->all[i].tracepoint,
							   program);
		if (second->links[i] < 0)
			return second->links[i];
	}
	return 0;
}

void loader_second_detach(struct loader_second *second)
{
	for (size_t i = SECOND_LINKS; i-- > 0;) {
		closep(&second->links[i]);
		second->links[i] = -1;
	}
}

void loader_second_close(struct loader_second *second)
{
	if (!second->skeleton)
		return;
	loader_second_detach(second);
	memprobe__destroy(second->skeleton);
	second->skeleton = NULL;
}
