/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See loader_beside.h. libbpf calls a hook before it loads a program of a section that one has told
 * it how to handle, and lets it put other instructions there (bpf_program__set_insns). They are two
 * that do nothing; the program that they stand for is loaded meanwhile with what libbpf has made of
 * it, and then has the descriptor of the two.
 */
#include "loader_beside.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "helper_thread.h"
#include "log.h"
#include "memory.h"

struct loader_beside {
	struct bpf_program *program;
	pthread_t thread;
	bool is_begun;
	struct bpf_insn *instructions;
	size_t count;
	struct bpf_prog_load_opts options; /* what it points to is our own */
	int fd;				   /* -errno: it was not loaded */
};

/* Whose hook is to be called. A handler is the whole process's, and stays. */
static struct loader_beside *current;

static void *load(void *context)
{
	struct loader_beside *beside = context;

	beside->fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, bpf_program__name(beside->program),
				   "Dual BSD/GPL", beside->instructions, beside->count,
				   &beside->options);
	if (beside->fd < 0)
		beside->fd = -errno;
	return NULL;
}

static void free_copies(struct loader_beside *beside)
{
	free(beside->instructions);
	free((void *)beside->options.func_info);
	free((void *)beside->options.line_info);
}

static void *copy_records(const void *records, __u32 count, __u32 bytes)
{
	return count ? xmemdup(records, (size_t)count * bytes) : NULL;
}

/* When the others fail libbpf frees what it has of this one. */
static void copy(struct loader_beside *beside, const struct bpf_prog_load_opts *options)
{
	struct bpf_prog_load_opts *own = &beside->options;

	*own = *options;
	beside->count = bpf_program__insn_cnt(beside->program);
	beside->instructions = xmemdup(bpf_program__insns(beside->program),
				       beside->count * sizeof(*beside->instructions));
	own->func_info = copy_records(own->func_info, own->func_info_cnt, own->func_info_rec_size);
	own->line_info = copy_records(own->line_info, own->line_info_cnt, own->line_info_rec_size);
}

static int begin(struct bpf_program *program, struct bpf_prog_load_opts *options, long cookie)
{
	struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct loader_beside *beside = current;

	if (!beside || program != beside->program)
		return 0;
	current = NULL;
	copy(beside, options);
	beside->is_begun = !helper_thread_begin(&beside->thread, load, beside);
	if (!beside->is_begun)
		return 0; /* as any other */
	options->func_info_cnt = options->line_info_cnt = 0;
	return bpf_program__set_insns(program, nothing, ARRAY_SIZE(nothing));
}

void loader_beside_prepare(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_prepare_load_fn = begin);
	static bool is_prepared;

	if (is_prepared)
		return;
	is_prepared = true;
	libbpf_register_prog_handler("raw_tp", BPF_PROG_TYPE_RAW_TRACEPOINT, 0, &options);
}

struct loader_beside *loader_beside_begin(struct bpf_program *program)
{
	struct loader_beside *beside = xcalloc(1, sizeof(*beside));

	beside->program = program;
	if (log_level() < LOG_STEPS)
		current = beside;
	return beside;
}

/* The descriptor by which libbpf knows the program is the loaded one's from now on. */
static int put_in_place(const struct loader_beside *beside)
{
	int error = 0;

	if (beside->fd < 0)
		return beside->fd;
	if (dup3(beside->fd, bpf_program__fd(beside->program), O_CLOEXEC) < 0)
		error = -errno;
	close(beside->fd);
	return error;
}

int loader_beside_end(struct loader_beside *beside, int error)
{
	current = NULL;
	if (beside->is_begun) {
		pthread_join(beside->thread, NULL);
		if (!error)
			error = put_in_place(beside);
		else if (beside->fd >= 0)
			close(beside->fd);
	}
	free_copies(beside);
	free(beside);
	return error;
}
