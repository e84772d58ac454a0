/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads one program, the largest, in a thread of its own while libbpf loads the others: most of a
 * start is the verifier's, which is one thread's work for each program. Not with -vv, where libbpf
 * and the verifier tell what they do, in order.
 */
#ifndef MEMPROBE_LOADER_BESIDE_H
#define MEMPROBE_LOADER_BESIDE_H

struct bpf_program;
struct loader_beside;

/* Before any object is opened, which is when libbpf decides how it loads programs. */
void loader_beside_prepare(void);

/* Right before an object is loaded: this program of it, in a section raw_tp. */
struct loader_beside *loader_beside_begin(struct bpf_program *program);
/* Right after; `error` is of the others' load. Returns that, or the program's own -errno. */
int loader_beside_end(struct loader_beside *beside, int error);

#endif
