/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * empty_probe PYTHON PID: attaches a program that does nothing where memprobe counts the calls of
 * process PID, says "ready" and detaches at the end of its input. What such a probe costs is the
 * floor under what counting costs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call_probe.h"
#include "interpreter.h"
#include "kernel_features.h"
#include "memory.h"

static int load_empty(void)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = ATTACH_UPROBE_MULTI);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "empty", "GPL", nothing, ARRAY_SIZE(nothing),
			     &options);
}

static int fail(const char *verb, const char *object, int error)
{
	fprintf(stderr, "empty_probe: cannot %s '%s': %s\n", verb, object, strerror(-error));
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct call_probe probe = { .multi = -1 };
	struct interpreter interpreter;
	struct probe_plan plan;
	struct call_place place = { .plan = &plan };
	_cleanup_(closep) int file = argc == 3 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	int error;

	if (file < 0)
		return fail("open", argc == 3 ? argv[1] : "PYTHON PID", -errno);
	error = interpreter_inspect(file, &interpreter);
	if (!error)
		error = probe_plan_find(file, &interpreter, false, &plan);
	if (error)
		return fail("probe", argv[1], error);
	place.tgid = (uint32_t)atoi(argv[2]);
	place.path = argv[1];
	error = call_probe_attach_multi(&probe, load_empty(), &place);
	if (error)
		return fail("attach", plan.what, error);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	call_probe_detach(&probe);
	return EXIT_SUCCESS;
}
