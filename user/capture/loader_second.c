/* SPDX-License-Identifier: BSD-2-Clause */
/* The object once more, with the maps that there are; see loader_second.h. */
#include "loader_second.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "loader_object.h"
#include "memory.h"
#include "memprobe.skel.h"

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

int loader_second_open(const struct loader *loader, struct memprobe **ret)
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
