/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mappings of a process as /proc/PID/maps shows them. Which of them matter is left to others.
 */
#ifndef MEMPROBE_PROCESS_MAPS_H
#define MEMPROBE_PROCESS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A file as maps names it: s_dev of its file system (major << 20 | minor) and inode. On btrfs and
 * overlayfs stat(2) gives other numbers. */
struct file_identity {
	uint64_t dev;
	uint64_t ino; /* 0: no file */
};

static inline bool file_identity_is(struct file_identity one, struct file_identity other)
{
	return one.dev == other.dev && one.ino == other.ino;
}

struct process_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t pgoff; /* bytes */
	struct file_identity file;
	const char *path; /* as printed, "" for none; " (deleted)" may follow */
	bool is_readable;
	bool is_writable;
	bool is_executable;
	bool is_private;
};

/* Owns its mappings and the text that their paths point into. */
struct process_maps {
	struct process_mapping *mappings;
	size_t nr_mappings;
	size_t capacity;
	char *text;
};

/* Takes over `text` (from malloc). Lines that are none of maps' are skipped. */
void process_maps_parse(char *text, struct process_maps *ret);

/* -errno of opening or reading /proc/PID/maps: -ENOENT when the process is gone. */
int process_maps_read(pid_t pid, struct process_maps *ret);
void process_maps_clear(struct process_maps *maps);

/* The mapping that has the address, NULL: none. */
const struct process_mapping *process_maps_at(const struct process_maps *maps, uint64_t address);

/* How the maps of a process that maps this file name it. */
int process_maps_identify(int fd, struct file_identity *ret);

#endif
