/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a Python's memory; see python_reader.h. A new version is a new column of the .def. */
#include "python_reader.h"

#include <errno.h>
#include <string.h>

#include "memory.h"

#define NO NO_OFFSET
#define FIRST_VERSION 0x306
#define NR_COLUMNS 10

/* Read at a time of a C string, whose end is not known. */
#define TEXT_PART_BYTES 64

static const struct {
	size_t member; /* in struct python_layout */
	uint16_t values[NR_COLUMNS];
} fields[] = {
#define FIELD(name, ...) { offsetof(struct python_layout, name), { __VA_ARGS__ } },
#include "python_reader.def"
#undef FIELD
};
_Static_assert(ARRAY_SIZE(fields) * sizeof(uint16_t) == sizeof(struct python_layout),
	       "a field of struct python_layout has no row");

int python_reader_init(struct python_reader *reader, const struct wire_layout *wire)
{
	size_t column = (size_t)wire->version - FIRST_VERSION;

	if (wire->free_threaded || wire->version < FIRST_VERSION || column >= NR_COLUMNS)
		return -ENOTSUP;
	memset(reader, 0, sizeof(*reader));
	reader->wire = *wire;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		memcpy((char *)&reader->layout + fields[i].member, &fields[i].values[column],
		       sizeof(uint16_t));
	return 0;
}

static int read_process(void *context, uint64_t address, void *to, size_t size)
{
	return process_memory_read(context, address, to, size);
}

int python_reader_init_process(struct python_reader *reader, const struct wire_layout *wire,
			       struct process_memory *memory)
{
	int err = python_reader_init(reader, wire);

	if (err)
		return err;
	reader->read = read_process;
	reader->context = memory;
	return 0;
}

void python_reader_begin(struct python_reader *reader, struct python_pages *pages)
{
	memset(pages->addresses, 0, sizeof(pages->addresses));
	pages->next = pages->nr_reads = 0;
	reader->pages = pages;
}

void python_reader_end(struct python_reader *reader)
{
	reader->pages = NULL;
}

static size_t bytes_to_page_end(uint64_t address)
{
	return PYTHON_PAGE_BYTES - address % PYTHON_PAGE_BYTES;
}

static int read_now(const struct python_reader *reader, uint64_t address, void *to, size_t size)
{
	if (reader->pages && reader->pages->nr_reads++ >= PYTHON_READS_MAX)
		return -E2BIG;
	return reader->read(reader->context, address, to, size);
}

/* The bytes of the page that begins at an address. */
static int find_page(const struct python_reader *reader, uint64_t address, const uint8_t **ret)
{
	struct python_pages *pages = reader->pages;
	unsigned int index;
	int err;

	for (index = 0; index < PYTHON_PAGES; index++) {
		*ret = pages->bytes[index];
		if (address && pages->addresses[index] == address)
			return 0;
	}
	index = pages->next++ % PYTHON_PAGES;
	pages->addresses[index] = 0;
	*ret = pages->bytes[index];
	err = read_now(reader, address, pages->bytes[index], PYTHON_PAGE_BYTES);
	if (!err)
		pages->addresses[index] = address;
	return err;
}

int python_reader_fetch(const struct python_reader *reader, uint64_t address, void *ret,
			size_t size)
{
	uint8_t *to = ret;

	if (!address)
		return -EFAULT;
	if (!reader->pages || size > PYTHON_PAGE_BYTES)
		return read_now(reader, address, ret, size);
	while (size) {
		size_t offset = address % PYTHON_PAGE_BYTES, part = bytes_to_page_end(address);
		const uint8_t *page;
		int err = find_page(reader, address - offset, &page);

		if (err)
			return err;
		if (part > size)
			part = size;
		memcpy(to, page + offset, part);
		to += part;
		address += part;
		size -= part;
	}
	return 0;
}

uint64_t python_reader_load64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

int python_reader_u64(const struct python_reader *reader, uint64_t address, uint64_t *ret)
{
	uint64_t value;
	int err = python_reader_fetch(reader, address, &value, sizeof(value));

	if (!err)
		*ret = value;
	return err;
}

int python_reader_peek(const struct python_reader *reader, uint64_t address, void *ret,
		       size_t least, size_t *most_ret_size)
{
	size_t size = bytes_to_page_end(address);
	int err;

	if (size > *most_ret_size)
		size = *most_ret_size;
	if (size < least)
		size = least;
	err = python_reader_fetch(reader, address, ret, size);
	if (!err)
		*most_ret_size = size;
	return err;
}

int python_reader_c_text(const struct python_reader *reader, uint64_t address, size_t max,
			 char **ret_text)
{
	_cleanup_(freep) char *text = xmalloc(max + 1);
	size_t length = 0, size;

	for (; length < max; length += size) {
		int err;

		size = max - length < TEXT_PART_BYTES ? max - length : TEXT_PART_BYTES;
		err = python_reader_peek(reader, address + length, text + length, 1, &size);
		if (err)
			return err;
		if (memchr(text + length, '\0', size))
			break;
	}
	if (length >= max)
		return -E2BIG;
	*ret_text = TAKE(text);
	return 0;
}
