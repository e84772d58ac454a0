/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See loader_preempt.h. libbpf would find the functions by itself, if they were declared, and parse
 * all of the kernel's BTF for that: 30 ms of a start.
 */
#include "loader_preempt.h"

#include <bpf/libbpf.h>

#include "memory.h"
#include <memprobe/wire_preempt.h>

#define PSEUDO_KFUNC_CALL 2 /* BPF_PSEUDO_KFUNC_CALL of 5.13 */

/* What stands in the place of a mark: a call of a kfunc, or, without one, a jump to what follows,
 * which the verifier drops (opt_remove_nops). */
static struct bpf_insn make_call(uint32_t function)
{
	if (!function)
		return (struct bpf_insn){ .code = BPF_JMP | BPF_JA };
	return (struct bpf_insn){ .code = BPF_JMP | BPF_CALL,
				  .src_reg = PSEUDO_KFUNC_CALL,
				  .imm = (int32_t)function };
}

static bool is_mark(const struct bpf_insn *instruction, int32_t mark)
{
	return instruction->code == (BPF_JMP | BPF_CALL) && !instruction->src_reg &&
	       instruction->imm == mark;
}

static int put_calls(const struct kernel_features *features, struct bpf_program *program)
{
	size_t count = bpf_program__insn_cnt(program), changed = 0;
	_cleanup_(freep) struct bpf_insn *instructions = xmemdup(bpf_program__insns(program),
								 count * sizeof(*instructions));

	for (size_t i = 0; i < count; i++) {
		uint32_t function = features->preempt_disable;

		if (is_mark(&instructions[i], PREEMPT_MARK_END))
			function = features->preempt_enable;
		else if (!is_mark(&instructions[i], PREEMPT_MARK_HOLD))
			continue;
		instructions[i] = make_call(function);
		changed++;
	}
	return changed ? bpf_program__set_insns(program, instructions, count) : 0;
}

int loader_preempt_put(const struct kernel_features *features, const struct bpf_object *object)
{
	struct bpf_program *program;
	int error = 0;

	bpf_object__for_each_program(program, object)
	{
		if (!error && bpf_program__autoload(program))
			error = put_calls(features, program);
	}
	return error;
}
