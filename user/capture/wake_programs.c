/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads and attaches them; see wake_programs.h. */
#include "wake_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader_second.h"
#include "memory.h"
#include "memprobe.skel.h"

static const struct {
	const char *tracepoint;
	const char *program;
} attachments[WAKE_LINKS] = {
	{ "sched_waking", "wake_noted" },
	{ "sched_wakeup_new", "birth_noted" },
};

static struct bpf_program *find_program(const struct memprobe *skeleton, size_t index)
{
	return bpf_object__find_program_by_name(skeleton->obj, attachments[index].program);
}

int wake_programs_load(const struct loader *loader, struct wake_programs *ret)
{
	int error = loader_second_open(loader, &ret->skeleton);

	for (size_t i = 0; i < WAKE_LINKS; i++)
		ret->links[i] = -1;
	if (error)
		return error;
	for (size_t i = 0; i < WAKE_LINKS; i++)
		bpf_program__set_autoload(find_program(ret->skeleton, i), true);
	error = bpf_object__load(ret->skeleton->obj);
	if (error)
		wake_programs_close(ret);
	return error;
}

int wake_programs_attach(struct wake_programs *programs)
{
	for (size_t i = 0; i < WAKE_LINKS; i++) {
		int program = bpf_program__fd(find_program(programs->skeleton, i));

		programs->links[i] = bpf_raw_tracepoint_open(attachments[i].tracepoint, program);
		if (programs->links[i] < 0)
			return programs->links[i];
	}
	return 0;
}

void wake_programs_close(struct wake_programs *programs)
{
	if (!programs->skeleton)
		return;
	for (size_t i = 0; i < WAKE_LINKS; i++)
		closep(&programs->links[i]);
	memprobe__destroy(programs->skeleton);
	programs->skeleton = NULL;
}
