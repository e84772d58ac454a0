/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an inspecting process gives up before it looks at anything: descriptors, memory and CPU time
 * beyond limits, capabilities but those to look with, and the system calls that act on others.
 */
#ifndef MEMPROBE_INSPECT_CONFINE_H
#define MEMPROBE_INSPECT_CONFINE_H

/* In the forked child of `parent`. Keeps `socket`. Returns -errno when it cannot be confined. */
int inspect_confine(int socket, int parent);

#endif
