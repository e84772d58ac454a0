/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See queue_place.h. A Python's modules lie in lib/pythonX.Y/lib-dynload, below the prefix of its
 * executable's bin or its libpython's lib, which in Debian is lib/MACHINE-linux-gnu. Their names
 * tell how it was built: m up to 3.7, d for debugging, t without the GIL (PEP 3149, PEP 703).
 * A process that has loaded it runs what it maps, whatever lies at that path by now.
 */
#include "queue_place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "elf_file.h"
#include "interpreter.h"
#include "mapped_file.h"
#include "memory.h"
#include "process_maps.h"
#include "target_open.h"

static const char *const directories[] = { "/../lib/", "/", "/../" };
static const char *const builds[] = { "", "t", "m", "d", "td", "dm" };
static const char *const libraries[] = { "gnu", "musl" };

/* What is looked for, in a process's root. */
struct wanted {
	pid_t pid;
	uint16_t version;
	const char *module;
};

static int try_name(const struct wanted *wanted, const char *directory, const char *build,
		    const char *library)
{
	unsigned int minor = wanted->version & 0xff;
	_cleanup_(freep) char *path = xasprintf(
		"%spython3.%u%s/lib-dynload/%s.cpython-3%u%s-" ELF_MACHINE_NAME "-linux-%s.so",
		directory, minor, strchr(build, 't') ? "t" : "", wanted->module, minor, build,
		library);

	return strlen(path) < PATH_MAX
		       ? target_open_inside(wanted->pid, path, NULL, INTERPRETER_MAX_BYTES)
		       : -ENOENT;
}

static int try_directory(const struct wanted *wanted, const char *directory)
{
	for (size_t b = 0; b < ARRAY_SIZE(builds); b++) {
		for (size_t l = 0; l < ARRAY_SIZE(libraries); l++) {
			int fd = try_name(wanted, directory, builds[b], libraries[l]);

			if (fd >= 0)
				return fd;
		}
	}
	return -ENOENT;
}

static bool is_module(const struct wanted *wanted, const struct process_mapping *mapping)
{
	_cleanup_(freep) char *begin = xasprintf("/lib-dynload/%s.cpython-3%u", wanted->module,
						 wanted->version & 0xffU);

	return mapping->file.ino && mapping->is_executable && strstr(mapping->path, begin);
}

/* -ESRCH: it maps none. */
static int open_mapped(const struct wanted *wanted)
{
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	int err = process_maps_read(wanted->pid, &maps);

	for (size_t i = 0; i < maps.nr_mappings && !err; i++) {
		const struct process_mapping *mapping = &maps.mappings[i];

		if (is_module(wanted, mapping))
			return mapped_file_open(wanted->pid, mapping, INTERPRETER_MAX_BYTES);
	}
	return -ESRCH;
}

int queue_place_open(pid_t pid, const char *interpreter, uint16_t version, const char *module)
{
	const struct wanted wanted = { pid, version, module };
	const char *slash = strrchr(interpreter, '/');
	int mapped = open_mapped(&wanted), fd = -ENOENT;

	if (mapped != -ESRCH)
		return mapped < 0 ? -ENOENT : mapped;
	for (size_t i = 0; slash && i < ARRAY_SIZE(directories) && fd < 0; i++) {
		_cleanup_(freep) char *directory = xasprintf("%.*s%s", (int)(slash - interpreter),
							     interpreter, directories[i]);

		fd = try_directory(&wanted, directory);
	}
	return fd < 0 ? -ENOENT : fd;
}
