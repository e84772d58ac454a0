/* SPDX-License-Identifier: BSD-2-Clause */
/* A second object on the maps of the first; see cow_programs.h. */
#include "cow_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "loader_object.h"
#include "memory.h"
#include "memprobe.skel.h"

/* A page is allocated within a fault: what sees faults comes first, and goes last. */
static const struct {
	const char *tracepoint;
	const char *program;
} attachments[COW_LINKS] = {
	{ "page_fault_user", "cow_fault" },
	{ "page_fault_kernel", "cow_fault" },
	{ "mm_page_alloc", "cow_alloc" },
};

static struct bpf_program *find_program(const struct memprobe *skeleton, size_t index)
{
	return bpf_object__find_program_by_name(skeleton->obj, attachments[index].program);
}

static void choose_programs(struct memprobe *skeleton)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, skeleton->obj)
		bpf_program__set_autoload(program, false);
	for (size_t i = 0; i < COW_LINKS; i++)
		bpf_program__set_autoload(find_program(skeleton, i), true);
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

int cow_programs_load(const struct loader *loader, struct cow_programs *ret)
{
	_cleanup_(freep) char *btf = xasprintf("/proc/self/fd/%d", loader->btf);
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = btf);
	int error;

	for (size_t i = 0; i < COW_LINKS; i++)
		ret->links[i] = -1;
	ret->skeleton = loader_object_open(&options);
	if (!ret->skeleton)
		return -errno;
	choose_programs(ret->skeleton);
	error = share_maps(loader, ret->skeleton);
	if (!error)
		error = bpf_object__load(ret->skeleton->obj);
	if (error)
		cow_programs_close(ret);
	return error;
}

int cow_programs_attach(struct cow_programs *programs)
{
	for (size_t i = 0; i < COW_LINKS; i++) {
		int program = bpf_program__fd(find_program(programs->skeleton, i));

		programs->links[i] = bpf_raw_tracepoint_open(attachments[i].tracepoint, program);
		if (programs->links[i] < 0)
			return programs->links[i];
	}
	return 0;
}

void cow_programs_detach(struct cow_programs *programs)
{
	for (size_t i = COW_LINKS; i-- > 0;) {
		closep(&programs->links[i]);
		programs->links[i] = -1;
	}
}

void cow_programs_close(struct cow_programs *programs)
{
	if (!programs->skeleton)
		return;
	cow_programs_detach(programs);
	memprobe__destroy(programs->skeleton);
	programs->skeleton = NULL;
}
