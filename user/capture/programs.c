/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's errors in words; see programs.h. */
#include "programs.h"

#include <errno.h>
#include <string.h>

#include <memprobe/wire_unwind.h>

#include "error_hints.h"
#include "log.h"
#include "requirements.h"

static int refuse(const struct loader *loader, int error)
{
	const char *hint;

	if (error == -ENOENT && !strcmp(loader->failed_step, "read")) {
		log_error("cannot read '%s': this kernel has no BTF", loader->failed_object);
		log_hint("a kernel built with CONFIG_DEBUG_INFO_BTF=y is needed (5.10 or later)");
		return EXIT_FAILURE_OWN;
	}
	log_error("cannot %s '%s': %s", loader->failed_step, loader->failed_object,
		  strerror(-error));
	hint = requirement_hint_loading(error);
	if (hint)
		log_hint("%s", hint);
	else if (error == -EFBIG)
		error_hint_print(ERROR_OF_WRITING, error);
	else if (error_hint(ERROR_OF_OURSELF, error))
		error_hint_print(ERROR_OF_OURSELF, error);
	else
		log_hint("-vvv shows what the kernel says");
	return EXIT_FAILURE_OWN;
}

static int refuse_probes(const char *what, const char *option)
{
	log_error("cannot follow '%s': this kernel has no uprobes with cookies, many in one link",
		  what);
	log_hint("Linux 6.6 or later is needed; without %s growth is measured all the same",
		 option);
	return EXIT_FAILURE_OWN;
}

static int refuse_native(void)
{
	if (!HAS_UNWINDER) {
		log_error("cannot follow 'C functions': memprobe unwinds stacks of x86-64 only");
		log_hint("without --native growth is measured all the same");
		return EXIT_FAILURE_OWN;
	}
	log_error("cannot follow 'C functions': this kernel's changes of RSS come in batches, "
		  "after their faults");
	log_hint("Linux 6.2 or later is needed; without --native growth is measured all the same");
	return EXIT_FAILURE_OWN;
}

int programs_load(const struct capture_options *options, const struct interpreters *interpreters,
		  struct loader *ret)
{
	struct loader_sizes sizes = {
		.max_nodes = options->max_nodes,
		.max_sites = options->max_sites,
		.ring_mb = options->ring_mb,
		.attaches = options->nr_pids > 0,
		.follow_children = !options->no_children,
		.has_calls_budget = options->calls_mode == CALLS_MODE_AUTO,
		.has_lines = options->lines,
		.has_threads = options->threads,
		.has_submitters = options->submitters,
		.has_instances = options->instances != NULL,
		.has_owners = !options->no_owners,
		.has_allocs = options->allocs,
		.has_last_looks = options->objects || options->allocs,
		.max_blocks = options->max_blocks,
		.allocs_min = options->allocs_min,
		.has_native = options->native,
		.native_rows = options->native_rows,
	};
	int error;

	if (options->calls_mode != CALLS_MODE_OFF)
		sizes.call_frames = interpreters_call_frames(interpreters);
	error = loader_open(&sizes, ret);
	if (error)
		return refuse(ret, error);
	if (options->allocs && !loader_has_allocs(ret))
		return refuse_probes("allocations", "--allocs");
	if (options->submitters && !loader_has_submitters(ret))
		return refuse_probes("submitters", "--submitters");
	if (options->native && !loader_has_native(ret))
		return refuse_native();
	log_at(LOG_DECISIONS, "kernel: RSS counters %s",
	       ret->features.has_percpu_counters ? "per CPU" : "cached in tasks");
	return 0;
}

int programs_attach(struct loader *loader)
{
	int error = loader_attach(loader);

	return error ? refuse(loader, error) : 0;
}

int programs_follow(struct loader *loader, uint32_t tgid, uint32_t ppid)
{
	int error = loader_follow(loader, tgid, ppid);

	if (!error)
		return 0;
	log_error("cannot follow '%u': %s", tgid, strerror(-error));
	error_hint_print(ERROR_OF_PROCESS, error);
	return EXIT_FAILURE_OWN;
}
