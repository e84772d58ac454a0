/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See ring_reader.h. The map's file is (kernel/bpf/ringbuf.c, 5.8 to 7.3): a page with the
 * consumer's position, a page with the producer's, the data, and the data once more, so that a
 * record that goes over the end lies in one piece. A record is a head of 8 bytes, its length first,
 * and is rounded up to 8.
 */
#include "ring_reader.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

#define WINDOW_BYTES (256UL << 10) /* at a time; more than a record, less than the least ring */
#define HEAD_BYTES BPF_RINGBUF_HDR_SZ

struct ring_reader {
	int fd, epoll_fd;
	size_t page, bytes;
	uint64_t *consumer; /* where to read on; written by us */
	const uint64_t *producer;
	/* The mapped piece of the data; `window` NULL: none. Positions only rise. */
	const uint8_t *window;
	uint64_t window_begin, window_end;
};

static int map_positions(struct ring_reader *reader)
{
	void *consumer = mmap(NULL, reader->page, PROT_READ | PROT_WRITE, MAP_SHARED, reader->fd,
			      0);
	void *producer;

	if (consumer == MAP_FAILED)
		return -errno;
	reader->consumer = consumer;
	producer = mmap(NULL, reader->page, PROT_READ, MAP_SHARED, reader->fd, (off_t)reader->page);
	if (producer == MAP_FAILED)
		return -errno;
	reader->producer = producer;
	return 0;
}

int ring_reader_new(int fd, size_t bytes, struct ring_reader **ret)
{
	struct ring_reader *reader = xcalloc(1, sizeof(*reader));
	int error;

	reader->fd = fd;
	reader->epoll_fd = -1;
	reader->page = (size_t)sysconf(_SC_PAGESIZE);
	reader->bytes = bytes;
	error = map_positions(reader);
	if (error)
		ring_reader_free(reader);
	else
		*ret = reader;
	return error;
}

static void unmap_window(struct ring_reader *reader)
{
	if (reader->window)
		munmap((void *)reader->window, reader->window_end - reader->window_begin);
	reader->window = NULL;
}

void ring_reader_free(struct ring_reader *reader)
{
	if (!reader)
		return;
	unmap_window(reader);
	if (reader->consumer)
		munmap(reader->consumer, reader->page);
	if (reader->producer)
		munmap((void *)reader->producer, reader->page);
	closep(&reader->epoll_fd);
	free(reader);
}

/* The map itself is readable whenever a record is there; an epoll file of its own is when a record
 * was sent that wakes. */
int ring_reader_fd(struct ring_reader *reader)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (reader->epoll_fd >= 0)
		return reader->epoll_fd;
	reader->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (reader->epoll_fd < 0 ||
	    epoll_ctl(reader->epoll_fd, EPOLL_CTL_ADD, reader->fd, &event)) {
		int error = -errno;

		closep(&reader->epoll_fd);
		reader->epoll_fd = -1;
		return error;
	}
	return reader->epoll_fd;
}

/* Maps the pages from a position on, up to another as far as a window goes. */
static int map_window(struct ring_reader *reader, uint64_t from, uint64_t to)
{
	uint64_t begin = from & ~(uint64_t)(reader->page - 1);
	uint64_t end = (to + reader->page - 1) & ~(uint64_t)(reader->page - 1);
	void *window;

	if (end - begin > WINDOW_BYTES)
		end = begin + WINDOW_BYTES;
	unmap_window(reader);
	window = mmap(NULL, end - begin, PROT_READ, MAP_SHARED, reader->fd,
		      (off_t)(2 * reader->page + (begin & (reader->bytes - 1))));
	if (window == MAP_FAILED)
		return -errno;
	reader->window = window;
	reader->window_begin = begin;
	reader->window_end = end;
	return 0;
}

/* So many bytes at a position, in one piece; NULL: they could not be mapped. */
static const uint8_t *find_bytes(struct ring_reader *reader, uint64_t from, size_t size,
				 uint64_t producer)
{
	if ((!reader->window || from + size > reader->window_end) &&
	    map_window(reader, from, producer))
		return NULL;
	if (from + size > reader->window_end) /* no record of ours is so long */
		return NULL;
	return reader->window + (from - reader->window_begin);
}

/* Takes the record at a position; *ret_next is behind it, or the same while it is being written. */
static int take_record(struct ring_reader *reader, uint64_t producer, uint64_t *position,
		       ring_reader_take *take, void *context)
{
	const uint8_t *head = find_bytes(reader, *position, HEAD_BYTES, producer);
	uint32_t length, size;

	if (!head)
		return -ENOMEM;
	length = __atomic_load_n((const uint32_t *)head, __ATOMIC_ACQUIRE);
	if (length & BPF_RINGBUF_BUSY_BIT)
		return 0;
	size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
	if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
		head = find_bytes(reader, *position, HEAD_BYTES + size, producer);
		if (!head)
			return -ENOMEM;
		take(context, head + HEAD_BYTES, size);
	}
	*position += (HEAD_BYTES + size + 7ULL) & ~7ULL;
	return 0;
}

int ring_reader_read(struct ring_reader *reader, ring_reader_take *take, void *context)
{
	uint64_t position = *reader->consumer, producer;
	int error = 0;

	/* What is sent meanwhile is read too. */
	while (!error &&
	       (producer = __atomic_load_n(reader->producer, __ATOMIC_ACQUIRE)) != position) {
		uint64_t before = position;

		error = take_record(reader, producer, &position, take, context);
		if (position == before)
			break;
		/* Its room is free, and the handler has what it needs. */
		__atomic_store_n(reader->consumer, position, __ATOMIC_RELEASE);
	}
	unmap_window(reader);
	return error;
}
