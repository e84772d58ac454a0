/* SPDX-License-Identifier: BSD-2-Clause */
/* USDT notes; see usdt_note.h. Layout:
 * https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation */
#include "usdt_note.h"

#include <errno.h>
#include <string.h>

#define USDT_NOTE_TYPE 3

/* What the description begins with; provider, name and arguments follow, each ended by NUL. */
struct addresses {
	uint64_t location;
	uint64_t base; /* where USDT_BASE_SECTION was */
	uint64_t semaphore;
};

/* The string at *position, which moves behind its NUL; NULL: it does not end before `end`. */
static const char *next_string(const char **position, const char *end)
{
	const char *string = *position;
	const char *nul = memchr(string, '\0', (size_t)(end - string));

	if (!nul)
		return NULL;
	*position = nul + 1;
	return string;
}

int usdt_note_parse(const struct elf_note *note, uint64_t base, struct usdt_note *ret)
{
	const char *position = note->description;
	const char *end = position + note->description_bytes;
	const char *provider, *name;
	struct addresses addresses;
	uint64_t moved;

	if (note->type != USDT_NOTE_TYPE || strcmp(note->owner, "stapsdt") != 0 ||
	    note->description_bytes < sizeof(addresses))
		return -EINVAL;
	memcpy(&addresses, position, sizeof(addresses));
	position += sizeof(addresses);
	provider = next_string(&position, end);
	name = provider ? next_string(&position, end) : NULL;
	if (!name)
		return -EINVAL;
	moved = base ? base - addresses.base : 0;
	*ret = (struct usdt_note){
		.provider = provider,
		.name = name,
		.vaddr = addresses.location + moved,
		.semaphore_vaddr = addresses.semaphore ? addresses.semaphore + moved : 0,
	};
	return 0;
}
