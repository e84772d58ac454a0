/* SPDX-License-Identifier: BSD-2-Clause */
/* The inspecting process's own side: receives, handles, answers. */
#ifndef MEMPROBE_INSPECT_WORKER_H
#define MEMPROBE_INSPECT_WORKER_H

#include "inspect_service.h"

/* In a forked child that has been confined. Returns never. */
__attribute__((noreturn)) void inspect_worker_run(const struct inspect_service *service,
						  int socket);

#endif
