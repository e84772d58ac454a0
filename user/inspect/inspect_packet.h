/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes over the socket between memprobe and its inspecting process: a request is one packet,
 * an answer a head and as many parts as its size needs.
 */
#ifndef MEMPROBE_INSPECT_PACKET_H
#define MEMPROBE_INSPECT_PACKET_H

#include <stdint.h>

/* One packet of a socket, well below net.core.wmem_default (212,992). */
#define INSPECT_PART_BYTES 65536U

struct inspect_request_head {
	uint32_t serial;
	uint32_t kind; /* index in the service */
};

struct inspect_answer_head {
	uint32_t serial; /* of the request */
	int32_t status;	 /* 0 or -errno */
	uint32_t bytes;	 /* that follow in parts */
	uint32_t pad;
};

#endif
