/* SPDX-License-Identifier: BSD-2-Clause */
/* A second object on the maps of the first; see cow_programs.h. */
#include "cow_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "loader_second.h"
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

int cow_programs_load(const struct loader *loader, struct cow_programs *ret)
{
	int error = loader_second_open(loader, &ret->skeleton);

	for (size_t i = 0; i < COW_LINKS; i++)
		ret->links[i] = -1;
	if (error)
		return error;
	for (size_t i = 0; i < COW_LINKS; i++)
		bpf_program__set_autoload(find_program(ret->skeleton, i), true);
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
