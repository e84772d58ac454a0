/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop of the inspecting process; see inspect_worker.h. */
#include "inspect_worker.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inspect_packet.h"
#include "memory.h"

struct worker {
	const struct inspect_service *service;
	int socket;
	void *state;
	union {
		struct inspect_request_head head;
		uint8_t bytes[INSPECT_PART_BYTES];
	} request;
};

static void send_head(const struct worker *worker, const struct inspect_answer_head *head, int fd)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { (void *)head, sizeof(*head) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	if (sendmsg(worker->socket, &message, MSG_NOSIGNAL) < 0)
		_exit(0);
}

static void answer(const struct worker *worker, const struct inspect_reply *reply)
{
	const struct inspect_answer_head head = {
		.serial = worker->request.head.serial,
		.status = reply->status,
		.bytes = (uint32_t)reply->size,
	};

	send_head(worker, &head, reply->fd);
	for (size_t at = 0, part; at < reply->size; at += part) {
		part = reply->size - at < INSPECT_PART_BYTES ? reply->size - at
							     : INSPECT_PART_BYTES;
		if (send(worker->socket, reply->bytes + at, part, MSG_NOSIGNAL) < 0)
			_exit(0);
	}
}

static void handle(struct worker *worker, size_t size)
{
	const struct inspect_kind *kind = &worker->service->kinds[worker->request.head.kind];
	_cleanup_(freep) uint8_t *bytes = xmalloc(kind->answer_bytes + 1);
	struct inspect_reply reply = { .bytes = bytes, .capacity = kind->answer_bytes, .fd = -1 };

	kind->handle(worker->state, worker->request.bytes + sizeof(worker->request.head),
		     size - sizeof(worker->request.head), &reply);
	answer(worker, &reply);
	closep(&reply.fd);
}

void inspect_worker_run(const struct inspect_service *service, int socket)
{
	struct worker *worker = xcalloc(1, sizeof(*worker));

	worker->service = service;
	worker->socket = socket;
	worker->state = service->new_state ? service->new_state() : NULL;
	for (;;) {
		ssize_t size = recv(socket, worker->request.bytes, sizeof(worker->request), 0);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < (ssize_t)sizeof(worker->request.head) ||
		    worker->request.head.kind >= service->nr_kinds)
			_exit(0);
		handle(worker, (size_t)size);
	}
}
