/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the BPF object, and leaves out what only the verifier's messages need: which line of source
 * each instruction comes from. With -vv and in tests it stays.
 */
#ifndef MEMPROBE_LOADER_OBJECT_H
#define MEMPROBE_LOADER_OBJECT_H

struct bpf_object_open_opts;
struct memprobe; /* the skeleton */

/* Returns NULL with errno. */
struct memprobe *loader_object_open(const struct bpf_object_open_opts *options);

/* Why it was not loaded, if it was not: `error` is libbpf's. */
int loader_object_cause(const struct memprobe *skeleton, int error);

#endif
