/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking the inspecting process; see inspector.h.
 *
 * How long is too long? A machine that is busy must not cost names, so what counts is whether the
 * process gets on: one that neither runs nor was seen to have used CPU time or read a page for a
 * second is held by somebody; one that computes has a limit of CPU time. In all an inspector gives
 * answers that never come a bounded time of the run, and a kind that keeps failing is given up for
 * itself, so that hostile objects do not cost the names of others' sources.
 */
#include "inspector.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "inspect_confine.h"
#include "inspect_packet.h"
#include "inspect_worker.h"
#include "memory.h"
#include "process_stat.h"

#define NS_PER_MS 1000000ULL
#define LOOK_MS 100		     /* between two looks at a process that has not answered */
#define SPENT_NS (30000 * NS_PER_MS) /* of the whole run, without an answer at the end */
#define URGENT_SPENT_NS (1000 * NS_PER_MS)
#define KIND_FAILURES 3
#define MAX_KINDS 24
#define FREE_MS 200
#define MAX_ENDED 128 /* processes begun in one run: no answer costs more than one */

/* How long one answer is waited for: without any progress, with some, and what it may compute. */
struct patience {
	uint64_t idle_ns, wall_ns;
	unsigned long cpu_ms;
};

/* A process may map hundreds of large libraries. */
static const struct patience ordinary = { 1000 * NS_PER_MS, 15000 * NS_PER_MS, 5000 };
static const struct patience urgent = { 300 * NS_PER_MS, 2000 * NS_PER_MS, 300 };

struct inspector {
	const struct inspect_service *service;
	struct inspector_listener listener;
	pid_t pid; /* 0: none */
	int socket;
	uint32_t serial;
	uint64_t spent_ns;
	uint64_t urgent_spent_ns; /* the same, while it was urgent */
	unsigned int failures[MAX_KINDS];
	bool is_given_up[MAX_KINDS];
	pid_t ended[MAX_ENDED]; /* killed, not seen to have ended */
	size_t nr_ended, nr_begun;
};

/* ---- Beginning and ending ---- */

static void child(const struct inspector *inspector, const int ends[2], pid_t parent)
{
	if (!inspect_confine(ends[1], parent))
		inspect_worker_run(inspector->service, STDERR_FILENO + 1);
	_exit(1);
}

static int begin(struct inspector *inspector)
{
	pid_t parent = getpid();
	int ends[2];

	if (inspector->nr_begun == MAX_ENDED)
		return -EDQUOT;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	inspector->pid = fork();
	if (!inspector->pid)
		child(inspector, ends, parent);
	close(ends[1]);
	if (inspector->pid < 0) {
		int error = -errno;

		inspector->pid = 0;
		close(ends[0]);
		return error;
	}
	inspector->socket = ends[0];
	inspector->nr_begun++;
	return 0;
}

/* Those that have ended by now; nobody waits for one that sleeps uninterruptibly. */
static void reap(struct inspector *inspector)
{
	size_t kept = 0;

	for (size_t i = 0; i < inspector->nr_ended; i++)
		if (!waitpid(inspector->ended[i], NULL, WNOHANG))
			inspector->ended[kept++] = inspector->ended[i];
	inspector->nr_ended = kept;
}

static void end(struct inspector *inspector)
{
	if (!inspector->pid)
		return;
	kill(inspector->pid, SIGKILL);
	close(inspector->socket);
	inspector->ended[inspector->nr_ended++] = inspector->pid;
	inspector->pid = 0;
	inspector->socket = -1;
	reap(inspector);
}

struct inspector *inspector_new(const struct inspect_service *service)
{
	struct inspector *inspector = xcalloc(1, sizeof(*inspector));

	inspector->service = service;
	inspector->socket = -1;
	begin(inspector);
	return inspector;
}

void inspector_free(struct inspector *inspector)
{
	if (!inspector)
		return;
	end(inspector);
	/* So that none is seen to outlive us: of those that can end, all have within milliseconds.
	 */
	for (int i = 0; i < FREE_MS && inspector->nr_ended; i++) {
		poll(NULL, 0, 1);
		reap(inspector);
	}
	free(inspector);
}

void inspector_freep(struct inspector **inspector)
{
	inspector_free(*inspector);
}

void inspector_listen(struct inspector *inspector, const struct inspector_listener *listener)
{
	inspector->listener = *listener;
}

pid_t inspector_pid(const struct inspector *inspector)
{
	return inspector->pid;
}

/* ---- Waiting ---- */

struct wait {
	uint32_t kind; /* of what is asked */
	uint64_t begin_ns, moved_ns;
	uint64_t urgent_ns; /* since when it is urgent; 0: it is not */
	bool has_looked;
	unsigned long begin_ticks; /* at the first look: most answers come before */
	struct process_stat last;
};

static bool is_urgent(const struct inspector *inspector)
{
	const struct inspector_listener *listener = &inspector->listener;

	return listener->is_urgent && listener->is_urgent(listener->context);
}

/* What computes for longer than all others waits for its turn longer, too. */
static struct patience patience_of(const struct inspector *inspector, uint32_t kind, bool is_urgent)
{
	const struct inspect_kind *asked = &inspector->service->kinds[kind];
	struct patience patience = is_urgent ? urgent : ordinary;
	unsigned long cpu_ms = is_urgent ? asked->urgent_cpu_ms : asked->cpu_ms;

	if (!cpu_ms)
		return patience;
	patience.cpu_ms = cpu_ms;
	if (patience.wall_ns < cpu_ms * 3 / 2 * NS_PER_MS)
		patience.wall_ns = cpu_ms * 3 / 2 * NS_PER_MS;
	return patience;
}

uint64_t inspector_patience_ns(const struct inspector *inspector, uint32_t kind)
{
	return patience_of(inspector, kind, is_urgent(inspector)).cpu_ms * NS_PER_MS;
}

static bool is_too_long(const struct inspector *inspector, struct wait *wait)
{
	uint64_t now = clock_ns();
	struct process_stat seen;
	struct patience patience;
	uint64_t begin_ns;
	unsigned long used;

	if (!is_urgent(inspector))
		wait->urgent_ns = 0;
	else if (!wait->urgent_ns)
		wait->urgent_ns = now;
	if (process_stat_read(inspector->pid, &seen))
		return true;
	if (!wait->has_looked)
		wait->begin_ticks = seen.ticks;
	wait->has_looked = true;
	if (seen.state == 'R' || seen.ticks != wait->last.ticks || seen.faults != wait->last.faults)
		wait->moved_ns = now;
	wait->last = seen;
	used = seen.ticks - wait->begin_ticks;
	patience = patience_of(inspector, wait->kind, wait->urgent_ns);
	begin_ns = wait->urgent_ns ? wait->urgent_ns : wait->begin_ns;
	return now - wait->moved_ns > patience.idle_ns || now - begin_ns > patience.wall_ns ||
	       used * 1000 / (unsigned long)sysconf(_SC_CLK_TCK) > patience.cpu_ms;
}

/* Until there is something to receive, or nothing more to hope for. */
static int await(const struct inspector *inspector, struct wait *wait)
{
	struct pollfd ready[] = { { .fd = inspector->socket, .events = POLLIN },
				  { .fd = inspector->listener.fd, .events = POLLIN } };
	nfds_t nr_ready = inspector->listener.is_urgent ? 2 : 1;

	for (;;) {
		int count = poll(ready, nr_ready, LOOK_MS);

		if (count > 0 && ready[0].revents)
			return 0;
		if (count < 0 && errno != EINTR)
			return -errno;
		if (count >= 0 && is_too_long(inspector, wait))
			return -ETIME;
	}
}

/* ---- One question ---- */

static int send_request(struct inspector *inspector, uint32_t kind, const void *request,
			size_t size)
{
	const struct inspect_request_head head = { .serial = ++inspector->serial, .kind = kind };
	struct iovec parts[2] = { { (void *)&head, sizeof(head) }, { (void *)request, size } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	return sendmsg(inspector->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -EPIPE : 0;
}

/* One descriptor at most; whatever else comes along is closed. */
static int take_descriptor(struct msghdr *message)
{
	int fd = -1;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
	     part = CMSG_NXTHDR(message, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(fd)) <= part->cmsg_len; at += sizeof(fd)) {
			closep(&fd);
			memcpy(&fd, CMSG_DATA(part) + at, sizeof(fd));
		}
	}
	return fd;
}

static int receive_head(const struct inspector *inspector, struct inspect_answer_head *ret,
			int *ret_fd)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { ret, sizeof(*ret) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t size = recvmsg(inspector->socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (size < 0)
		return -EPIPE;
	*ret_fd = take_descriptor(&message);
	return size == (ssize_t)sizeof(*ret) && ret->serial == inspector->serial ? 0 : -EPROTO;
}

static int receive_parts(const struct inspector *inspector, struct wait *wait,
			 struct inspect_answer *answer, size_t bytes)
{
	answer->bytes = xmalloc(bytes + 1);
	while (answer->size < bytes) {
		int error = await(inspector, wait);
		ssize_t got;

		if (error)
			return error;
		got = recv(inspector->socket, answer->bytes + answer->size, bytes - answer->size,
			   MSG_DONTWAIT | MSG_TRUNC);
		if (got <= 0)
			return -EPIPE;
		if ((size_t)got > bytes - answer->size)
			return -EPROTO;
		answer->size += (size_t)got;
	}
	return 0;
}

/* *ret_status is the handler's; what is returned is whether there was an answer. */
static int receive(const struct inspector *inspector, uint32_t kind, struct wait *wait,
		   struct inspect_answer *answer, int *ret_status)
{
	struct inspect_answer_head head;
	int error = await(inspector, wait);

	if (!error)
		error = receive_head(inspector, &head, &answer->fd);
	if (error)
		return error;
	if (head.bytes > inspector->service->kinds[kind].answer_bytes || head.status > 0)
		return -EPROTO;
	*ret_status = head.status;
	return receive_parts(inspector, wait, answer, head.bytes);
}

static void give_up(struct inspector *inspector, uint32_t kind)
{
	if (!inspector->is_given_up[kind] && inspector->listener.gave_up)
		inspector->listener.gave_up(inspector->listener.context,
					    inspector->service->kinds[kind].what);
	inspector->is_given_up[kind] = true;
}

/* What had no time is nobody's failure. */
static void note_failure(struct inspector *inspector, uint32_t kind, const struct wait *wait)
{
	uint64_t now = clock_ns();

	end(inspector);
	if (wait->urgent_ns) {
		inspector->urgent_spent_ns += now - wait->urgent_ns;
		return;
	}
	inspector->spent_ns += now - wait->begin_ns;
	inspector->failures[kind]++;
	if (inspector->failures[kind] >= KIND_FAILURES || inspector->spent_ns > SPENT_NS)
		give_up(inspector, kind);
}

/* One that ended without a question, as at the limit of its CPU time, is replaced. */
static int make_ready(struct inspector *inspector)
{
	struct pollfd hung = { .fd = inspector->socket };

	if (inspector->pid && poll(&hung, 1, 0) > 0)
		end(inspector);
	return inspector->pid ? 0 : begin(inspector);
}

void inspect_answer_clear(struct inspect_answer *answer)
{
	free(answer->bytes);
	closep(&answer->fd);
	*answer = (struct inspect_answer){ .fd = -1 };
}

bool inspector_is_unanswered(int status)
{
	return status == -ETIME || status == -EPIPE || status == -EDQUOT || status == -EPROTO;
}

bool inspector_is_blind(int status)
{
	return inspector_is_unanswered(status) || status == -EACCES || status == -EPERM;
}

int inspector_ask(struct inspector *inspector, uint32_t kind, const void *request, size_t size,
		  struct inspect_answer *ret)
{
	struct wait wait = { .kind = kind, .begin_ns = clock_ns(), .moved_ns = clock_ns() };
	int error, status = 0;

	*ret = (struct inspect_answer){ .fd = -1 };
	if (inspector->is_given_up[kind])
		return -EDQUOT;
	if (size > inspector->service->kinds[kind].request_bytes)
		return -EINVAL;
	if (is_urgent(inspector)) {
		if (inspector->urgent_spent_ns > URGENT_SPENT_NS)
			return -EDQUOT;
		wait.urgent_ns = wait.begin_ns;
	}
	error = make_ready(inspector);
	if (error) {
		give_up(inspector, kind);
		return -EDQUOT;
	}
	error = send_request(inspector, kind, request, size);
	if (!error)
		error = receive(inspector, kind, &wait, ret, &status);
	if (!error)
		return status;
	inspect_answer_clear(ret);
	note_failure(inspector, kind, &wait);
	return error == -ETIME ? -ETIME : -EPIPE;
}
