/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A part of the kernel's BTF for libbpf; see loader_btf.h.
 *
 * libbpf parses the whole BTF when an object has programs of type TRACING, to find the types that
 * tell what they are attached to. So these programs are of another type until they are loaded;
 * then a handler gives them theirs, with the type's id.
 */
#include "loader_btf.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel_features.h"
#include "memory.h"

#define TYPE_UNTIL_LOADED BPF_PROG_TYPE_RAW_TRACEPOINT

/* Kinds of sections; what stands behind the slash is the rest of the type's name. */
static const struct {
	const char *section;
	enum bpf_attach_type attach_type;
	const char *prefix; /* of the name of the BTF type */
	uint32_t kind;
} attachments[] = {
	{ "tp_btf/", BPF_TRACE_RAW_TP, "btf_trace_", BTF_KIND_TYPEDEF },
	{ "iter/", BPF_TRACE_ITER, "bpf_iter_", BTF_KIND_FUNC },
};

/* Handlers of sections are libbpf's, for all objects. They are never taken back: with the last one
 * libbpf up to 1.1 frees its table twice. */
static struct {
	bool are_handled;
	const struct kernel_btf *kernel; /* while an object is loaded */
} sections;

/* The name of the type that a program is attached by; NULL: by none. The caller's. */
static char *attach_name(const struct bpf_program *program, size_t *ret_kind)
{
	const char *section = bpf_program__section_name(program);

	for (size_t i = 0; i < ARRAY_SIZE(attachments); i++) {
		size_t length = strlen(attachments[i].section);

		if (strncmp(section, attachments[i].section, length) != 0)
			continue;
		*ret_kind = i;
		return xasprintf("%s%s", attachments[i].prefix, section + length);
	}
	return NULL;
}

static int give_type(struct bpf_program *program, struct bpf_prog_load_opts *options, long unused)
{
	size_t kind;
	_cleanup_(freep) char *name = attach_name(program, &kind);

	(void)unused;
	if (!name || !sections.kernel)
		return -EINVAL;
	options->attach_btf_id = kernel_btf_find(sections.kernel, name, attachments[kind].kind);
	if (!options->attach_btf_id)
		return -ESRCH;
	return bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
}

static int handle_sections(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_prepare_load_fn = give_type);

	for (size_t i = 0; i < ARRAY_SIZE(attachments) && !sections.are_handled; i++) {
		int handler = libbpf_register_prog_handler(attachments[i].section,
							   TYPE_UNTIL_LOADED,
							   attachments[i].attach_type, &options);

		if (handler < 0)
			return handler;
	}
	sections.are_handled = true;
	return 0;
}

int loader_btf_begin(struct loader_btf *ret)
{
	int error;

	*ret = (struct loader_btf){ .fd = -1 };
	error = kernel_btf_open(&ret->kernel);
	if (error)
		return error;
	ret->fd = memfd_create("memprobe_btf", MFD_CLOEXEC);
	if (ret->fd < 0)
		return -errno;
	snprintf(ret->path, sizeof(ret->path), "/proc/self/fd/%d", ret->fd);
	sections.kernel = &ret->kernel;
	return handle_sections();
}

/* All names of the object's own types, without what tells flavours of one apart: those of its own
 * structs are in vain, and cost nothing. */
static void want_types(struct kernel_btf *kernel, const struct btf *own)
{
	for (uint32_t id = 1; own && id < btf__type_cnt(own); id++) {
		const struct btf_type *type = btf__type_by_id(own, id);
		const char *name = btf__name_by_offset(own, type->name_off);
		const char *flavour = name ? strstr(name, "___") : NULL;
		size_t length = flavour ? (size_t)(flavour - name) : strlen(name ? name : "");

		if ((btf_is_composite(type) || btf_is_any_enum(type) || btf_is_typedef(type)) &&
		    length)
			kernel_btf_want(kernel, name, length);
	}
}

static void want_attachments(struct kernel_btf *kernel, const struct bpf_object *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		size_t kind;
		_cleanup_(freep) char *name = attach_name(program, &kind);

		if (name)
			kernel_btf_want(kernel, name, strlen(name));
	}
}

int loader_btf_scan(struct loader_btf *btf, const struct bpf_object *object)
{
	kernel_features_want(&btf->kernel);
	want_types(&btf->kernel, bpf_object__btf(object));
	want_attachments(&btf->kernel, object);
	return kernel_btf_scan(&btf->kernel);
}

int loader_btf_write(struct loader_btf *btf)
{
	return kernel_btf_write(&btf->kernel, btf->fd);
}

void loader_btf_end(struct loader_btf *btf)
{
	sections.kernel = NULL;
	closep(&btf->fd);
	btf->fd = -1;
	kernel_btf_close(&btf->kernel);
}
