/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One program at the sites of a plan, in one process; see call_probe.h.
 */
#include "call_probe.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file_change.h"
#include "kernel_features.h"
#include "memory.h"

#define MULTI_RETURN 1 /* BPF_F_UPROBE_MULTI_RETURN of 6.6 */

/* The part of union bpf_attr's link_create that bookworm's header lacks. */
struct multi_link {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, pad;
};

static int create_link(struct call_probe *probe, const struct multi_link *link)
{
	probe->multi = (int)syscall(__NR_bpf, BPF_LINK_CREATE, link, sizeof(*link));
	return probe->multi < 0 ? -errno : 0;
}

int call_probe_attach_multi(struct call_probe *probe, int program, const struct call_place *place)
{
	const struct probe_plan *plan = place->plan;
	uint64_t offsets[MAX_PROBE_SITES], semaphores[MAX_PROBE_SITES];
	struct multi_link link = {
		.prog_fd = program,
		.attach_type = ATTACH_UPROBE_MULTI,
		.path = (uintptr_t)place->path,
		.offsets = (uintptr_t)offsets,
		.count = plan->nr_sites,
		.pid = place->tgid,
	};

	for (size_t i = 0; i < plan->nr_sites; i++) {
		offsets[i] = plan->sites[i].offset;
		semaphores[i] = plan->sites[i].semaphore;
	}
	if (plan->sites[0].semaphore)
		link.ref_ctr_offsets = (uintptr_t)semaphores;
	return create_link(probe, &link);
}

/* A breakpoint at what was an offset of another build would lie amid its instructions: the file has
 * to be what it was before, and after. `error` is of attaching; what was attached goes again. */
static int end_attaching(struct call_probe *probe, const char *path, int64_t changed_ns, int error)
{
	if (!error)
		error = file_change_check_path(path, changed_ns);
	if (error)
		call_probe_detach(probe);
	return error;
}

int call_probe_attach_cookies(struct call_probe *probe, int program, uint32_t tgid,
			      const char *path, const struct cookie_sites *sites)
{
	int error = file_change_check_path(path, sites->changed_ns);
	const struct multi_link link = {
		.prog_fd = program,
		.attach_type = sites->is_session ? ATTACH_UPROBE_SESSION : ATTACH_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)sites->offsets,
		.cookies = (uintptr_t)sites->cookies,
		.count = sites->count,
		.multi_flags = sites->is_return && !sites->is_session ? MULTI_RETURN : 0,
		.pid = tgid,
	};

	*probe = (struct call_probe){ .multi = -1 };
	if (!error)
		error = create_link(probe, &link);
	return end_attaching(probe, path, sites->changed_ns, error);
}

static int attach_each(struct call_probe *probe, struct bpf_program *program,
		       const struct call_place *place)
{
	const struct probe_plan *plan = place->plan;

	for (size_t i = 0; i < plan->nr_sites; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, options, .ref_ctr_offset = plan->sites[i].semaphore);
		struct bpf_link *link = bpf_program__attach_uprobe_opts(
			program, place->tgid, place->path, plan->sites[i].offset, &options);

		if (!link)
			return -errno;
		probe->links[probe->nr_links++] = link;
	}
	return 0;
}

int call_probe_attach(struct call_probe *probe, struct bpf_program *program, bool has_multi,
		      const struct call_place *place)
{
	int error = file_change_check_path(place->path, place->changed_ns);

	*probe = (struct call_probe){ .multi = -1 };
	if (!error)
		error = has_multi ? call_probe_attach_multi(probe, bpf_program__fd(program), place)
				  : attach_each(probe, program, place);
	return end_attaching(probe, place->path, place->changed_ns, error);
}

int call_probe_attach_code_death(struct call_probe *probe, struct bpf_program *program,
				 bool has_multi, const struct call_place *place)
{
	const struct probe_plan plan = {
		.sites = { { .offset = place->plan->code_death } },
		.nr_sites = 1,
	};
	const struct call_place death = { place->tgid, place->path, &plan, place->changed_ns };

	return call_probe_attach(probe, program, has_multi, &death);
}

/* The kernel takes paths only: that of our own descriptor leads to the file itself. */
int call_probe_attach_file(struct call_probe *probe, struct bpf_program *program, bool has_multi,
			   const struct call_file *where)
{
	_cleanup_(freep) char *path = xasprintf("/proc/self/fd/%d", where->fd);
	struct probe_plan plan = { .nr_sites = 0 };
	const struct call_place place = { where->tgid, path, &plan, where->changed_ns };

	for (size_t i = 0; i < MAX_FILE_PLACES; i++) {
		if (where->offsets[i])
			plan.sites[plan.nr_sites++].offset = where->offsets[i];
	}
	return call_probe_attach(probe, program, has_multi, &place);
}

const char *call_probe_error(int error)
{
	return error == -ESTALE ? "its file was rewritten in place" : strerror(-error);
}

bool call_probe_is_empty(const struct call_probe *probe)
{
	return probe->multi < 0 && !probe->nr_links;
}

void call_probe_detach(struct call_probe *probe)
{
	closep(&probe->multi);
	for (size_t i = 0; i < probe->nr_links; i++)
		bpf_link__destroy(probe->links[i]);
	*probe = (struct call_probe){ .multi = -1 };
}
