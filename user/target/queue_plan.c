/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See queue_plan.h. PyMethodDef (Include/methodobject.h, 3.6 to 3.15): char *ml_name, a pointer to
 * the function, int ml_flags, char *ml_doc.
 */
#include "queue_plan.h"

#include <stdbool.h>
#include <string.h>

#include <memprobe/wire.h>

#include "elf_file.h"
#include "memory.h"
#include "probe_insn.h"

#define MAX_SEGMENT_BYTES (64UL << 20) /* 3.14's read-only data takes 5 MB */
#define NAME_TO_DOC 24
#define FUNCTION_TO_DOC 16
#define MAX_NAME 16
#define MAX_DOCS 4 /* a text may be there more than once */

struct method {
	const char *name;
	const char *doc; /* in its text, and in no other method's of that name */
	uint32_t call;
};

#define NR_METHODS 6

static const struct method methods[NR_METHODS] = {
	{ "append", "Add an element to the right side of the deque.", QUEUE_APPEND },
	{ "popleft", "Remove and return the leftmost element.", QUEUE_POPLEFT },
	{ "put", "Put the item on the queue.", QUEUE_PUT },
	{ "put_nowait", "Put an item into the queue without blocking.", QUEUE_PUT },
	{ "get", "Remove and return an item from the queue.", QUEUE_GET },
	{ "get_nowait", "Remove and return an item from the queue without blocking.", QUEUE_GET },
};

/* PyTypeObject.tp_name and tp_init, of a type that is static: up to 3.11. From 3.12 on there is a
 * PyType_Spec, whose name comes first and whose slots 24 bytes behind: pairs of a number and a
 * pointer (Include/object.h, Include/typeslots.h). */
static const char task_name[] = "_asyncio.Task";
#define NAME_TO_INIT 272
#define NAME_TO_SLOTS 24
#define SLOT_INIT 60
#define MAX_SLOTS 64
struct type_slot {
	uint64_t number, function;
};

/* Where the texts of a method lie. */
struct docs {
	uint64_t vaddrs[MAX_DOCS];
	size_t count;
};

struct search {
	struct elf_file *file;
	struct docs docs[NR_METHODS];
	struct docs task_names;
	struct queue_plan *plan;
};

/* ---- Texts ---- */

/* All places of a text's part, as addresses of the texts' first characters. */
static void find_docs(const uint8_t *bytes, size_t size, uint64_t vaddr, const char *part,
		      struct docs *ret)
{
	const uint8_t *at = bytes, *end = bytes + size;

	while (ret->count < MAX_DOCS && (at = memmem(at, (size_t)(end - at), part, strlen(part)))) {
		const uint8_t *begin = memrchr(bytes, '\0', (size_t)(at - bytes));

		begin = begin ? begin + 1 : bytes;
		ret->vaddrs[ret->count++] = vaddr + (uint64_t)(begin - bytes);
		at += strlen(part);
	}
}

/* Whole texts only: of the type, of no other whose name begins alike. */
static void find_name(const uint8_t *bytes, size_t size, uint64_t vaddr, struct docs *ret)
{
	const uint8_t *at = bytes, *end = bytes + size;

	while (ret->count < MAX_DOCS &&
	       (at = memmem(at, (size_t)(end - at), task_name, sizeof(task_name)))) {
		if (at == bytes || !at[-1])
			ret->vaddrs[ret->count++] = vaddr + (uint64_t)(at - bytes);
		at += sizeof(task_name);
	}
}

static uint8_t *read_segment(struct elf_file *file, const struct elf_segment *segment)
{
	uint8_t *bytes;

	if (!segment->file_bytes || segment->file_bytes > MAX_SEGMENT_BYTES ||
	    elf_file_charge(file, segment->file_bytes))
		return NULL;
	bytes = xmalloc(segment->file_bytes);
	if (elf_file_read(file, segment->vaddr, bytes, segment->file_bytes)) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

static void find_all_docs(struct search *search)
{
	const struct elf_segment *segment;

	for (size_t i = 0; (segment = elf_file_segment_at(search->file, i)); i++) {
		/* Up to 3.7 texts are no constants: in any segment. */
		_cleanup_(freep) uint8_t *bytes = read_segment(search->file, segment);

		for (size_t m = 0; bytes && m < NR_METHODS; m++)
			find_docs(bytes, segment->file_bytes, segment->vaddr, methods[m].doc,
				  &search->docs[m]);
		if (bytes)
			find_name(bytes, segment->file_bytes, segment->vaddr, &search->task_names);
	}
}

/* ---- Functions ---- */

/* An address in the file's code that can be probed, behind an endbr64 or bti; false otherwise. */
static bool find_offset(const struct elf_file *file, uint64_t vaddr, uint64_t *ret)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);
	uint8_t bytes[PROBE_INSN_BYTES];
	uint64_t skip = segment ? vaddr - segment->vaddr : 0;
	enum probe_insn insn;

	if (!segment || !segment->is_executable ||
	    !probe_insn_is_aligned(elf_file_machine(file), vaddr) ||
	    skip + PROBE_INSN_LANDING_BYTES + sizeof(bytes) > segment->file_bytes ||
	    elf_file_read(file, vaddr, bytes, sizeof(bytes)))
		return false;
	*ret = segment->offset + skip;
	insn = probe_insn_classify(elf_file_machine(file), bytes, sizeof(bytes));
	if (insn == PROBE_INSN_LANDING)
		*ret += PROBE_INSN_LANDING_BYTES;
	return insn != PROBE_INSN_REFUSED;
}

static bool is_known(const struct queue_plan *plan, uint64_t offset)
{
	for (size_t i = 0; i < plan->nr_sites; i++)
		if (plan->sites[i].offset == offset)
			return true;
	return false;
}

static void add_site(struct search *search, uint64_t vaddr, uint32_t call)
{
	struct queue_site site = { .call = call };

	if (search->plan->nr_sites < MAX_QUEUE_SITES &&
	    find_offset(search->file, vaddr, &site.offset) && !is_known(search->plan, site.offset))
		search->plan->sites[search->plan->nr_sites++] = site;
}

/* A method's table entry, if the address is that of its last field. */
static void try_entry(struct search *search, const struct method *method, uint64_t at)
{
	char name[MAX_NAME];
	uint64_t vaddr;

	if (at < NAME_TO_DOC || elf_file_read_pointer(search->file, at - NAME_TO_DOC, &vaddr) ||
	    elf_file_read_string(search->file, vaddr, name, sizeof(name)) ||
	    strcmp(name, method->name) != 0 ||
	    elf_file_read_pointer(search->file, at - FUNCTION_TO_DOC, &vaddr))
		return;
	add_site(search, vaddr, method->call);
}

/* The slots of a type that is made of a specification. */
static void try_slots(struct search *search, uint64_t slots)
{
	uint64_t number, function;

	for (size_t i = 0; i < MAX_SLOTS; i++, slots += sizeof(struct type_slot)) {
		if (elf_file_read(search->file, slots, &number, sizeof(number)) ||
		    !(uint32_t)number)
			return;
		if ((uint32_t)number == SLOT_INIT &&
		    !elf_file_read_pointer(search->file,
					   slots + offsetof(struct type_slot, function), &function))
			add_site(search, function, QUEUE_TASK);
	}
}

/* The type of asyncio's tasks, or its specification, if the address is that of its name. */
static void try_task_type(struct search *search, uint64_t at)
{
	const struct elf_segment *segment;
	uint64_t vaddr;

	if (elf_file_read_pointer(search->file, at + NAME_TO_SLOTS, &vaddr))
		return;
	segment = elf_file_segment(search->file, vaddr);
	if (segment && !segment->is_executable)
		try_slots(search, vaddr);
	else if (!elf_file_read_pointer(search->file, at + NAME_TO_INIT, &vaddr))
		add_site(search, vaddr, QUEUE_TASK);
}

/* A pointer in the file's data. */
static bool try_pointer(uint64_t at, uint64_t value, void *context)
{
	struct search *search = context;

	for (size_t m = 0; m < NR_METHODS; m++)
		for (size_t i = 0; i < search->docs[m].count; i++)
			if (search->docs[m].vaddrs[i] == value)
				try_entry(search, &methods[m], at);
	for (size_t i = 0; i < search->task_names.count; i++)
		if (search->task_names.vaddrs[i] == value)
			try_task_type(search, at);
	return true;
}

/* Where there are no relocations, or those whose values are in their places (DT_RELR). */
static void try_words(struct search *search)
{
	const struct elf_segment *segment;

	for (size_t i = 0; (segment = elf_file_segment_at(search->file, i)); i++) {
		_cleanup_(freep) uint8_t *bytes = NULL;
		uint64_t word;

		if (!segment->is_writable)
			continue;
		bytes = read_segment(search->file, segment);
		for (size_t at = -segment->vaddr % 8; bytes && at + 8 <= segment->file_bytes;
		     at += 8) {
			memcpy(&word, bytes + at, sizeof(word));
			if (word)
				try_pointer(segment->vaddr + at, word, search);
		}
	}
}

int queue_plan_find(int fd, struct queue_plan *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	int err = elf_file_open(fd, &file);

	*ret = (struct queue_plan){ 0 };
	if (err)
		return err;
	queue_plan_find_in(file, ret);
	return 0;
}

void queue_plan_find_in(struct elf_file *file, struct queue_plan *ret)
{
	struct search search = { .file = file, .plan = ret };

	*ret = (struct queue_plan){ 0 };
	find_all_docs(&search);
	elf_file_visit_relative(file, try_pointer, &search);
	try_words(&search);
}
