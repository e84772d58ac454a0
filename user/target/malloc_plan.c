/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where an allocator's functions are probed; see malloc_plan.h.
 *
 * A probe on an instruction that the kernel emulates takes 0.5 us, on others 17 us (probe_insn.h),
 * and many of these functions begin with others: free of glibc 2.36 with `test %rdi,%rdi`. But a
 * few instructions later there is a jump or a push in nearly all. Until the first jump or push all
 * calls take the same way, so that the probe may be there as long as what comes before leaves the
 * arguments alone, and the return address where a return probe has to find it: on arm64 in the link
 * register, which most functions sign or store before anything that the kernel emulates.
 *
 * Names that lead to the same address are one function. A wrapper that only hands on to another
 * function is left out where it would be seen twice for no use: C++'s operators of jemalloc and
 * mimalloc jump to their free.
 *
 * What may throw is not probed at its return, for no exception passes that. Where all of its calls
 * come to a function that is followed, nothing is needed: aligned operators of jemalloc and
 * mimalloc do. Else they are counted at their entry, as not followed.
 */
#include "malloc_plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <memprobe/wire.h>

#include "code_entry.h"
#include "elf_file.h"
#include "malloc_names.h"
#include "memory.h"

#define NR_PYTHON_NEEDED 8
_Static_assert(NR_MALLOC_NAMES + NR_MALLOC_PYTHON_NAMES <= MAX_MALLOC_SITES, "a site for each");

/* What only one allocator exports. glibc's loader has a malloc for its own beginning up to 2.31. */
static const struct {
	const char *symbol, *name;
} marks[] = {
	{ "_rtld_global", "the loader" },
	{ "gnu_get_libc_version", "glibc" },
	{ "mallctl", "jemalloc" },
	{ "mi_version", "mimalloc" },
	{ "MallocExtension_ReleaseFreeMemory", "tcmalloc" },
	{ "__libc_start_main", "musl" },
};
#define NR_MARKS ARRAY_SIZE(marks)
#define MARK_LOADER 0

/* What each CPython exports, from 3.7 on. */
static const char python_mark[] = "_PyRuntime";
#define PYTHON_MARK (NR_MALLOC_NAMES + NR_MARKS)

/* The arguments that are read: enum code_need. */
static const uint8_t needed[NR_ALLOC_CALLS] = {
	[ALLOC_MALLOC] = CODE_ARGUMENT_1,
	[ALLOC_CALLOC] = CODE_ARGUMENT_1 | CODE_ARGUMENT_2,
	[ALLOC_REALLOC] = CODE_ARGUMENT_1 | CODE_ARGUMENT_2,
	[ALLOC_REALLOCARRAY] = CODE_ARGUMENT_1 | CODE_ARGUMENT_2 | CODE_ARGUMENT_3,
	[ALLOC_ALIGNED] = CODE_ARGUMENT_2,
	[ALLOC_POSIX] = CODE_ARGUMENT_1 | CODE_ARGUMENT_3,
	[ALLOC_PAGES] = CODE_ARGUMENT_1,
	[ALLOC_FREE] = CODE_ARGUMENT_1,
	[ALLOC_RESIZE] = CODE_ARGUMENT_1 | CODE_ARGUMENT_2 | CODE_ARGUMENT_3,
};

/* ---- One function ---- */

static struct malloc_site choose_site(const struct code_entry *entry,
				      const struct malloc_name *name)
{
	uint32_t call = name->call;
	bool has_context = name->traits & MALLOC_HAS_CONTEXT;
	bool is_unfollowed = name->traits & MALLOC_UNFOLLOWED;
	bool has_return = call != ALLOC_FREE && !is_unfollowed;
	uint32_t arguments = (uint32_t)needed[call] << has_context; /* each is one further */
	uint32_t needs = arguments | (has_return ? CODE_RETURN_ADDRESS : 0);
	struct code_place place = { 0 };
	bool is_found = code_entry_find_emulated(entry, code_entry_first(entry), needs, &place);

	/* free(NULL) does nothing, and is every second call of some programs: behind the test for
	 * it a half is to be seen. (An optimisation in OpenAeroStruct: 2.74 million calls, 1.37
	 * million blocks.) */
	if (is_found && call == ALLOC_FREE && !has_context)
		code_entry_pass_null(entry, needs, &place);
	return (struct malloc_site){
		.offset = entry->offset + place.at,
		.call = call,
		.has_return = has_return,
		.is_slow = !is_found,
		.has_context = has_context,
		.is_unfollowed = is_unfollowed,
	};
}

/* ---- A file ---- */

struct search {
	struct elf_symbol symbols[NR_MALLOC_NAMES + NR_MARKS + 1];
	struct elf_symbol python[NR_MALLOC_PYTHON_NAMES];
	uint64_t entries[MAX_MALLOC_SITES]; /* of functions that are followed or counted */
	size_t nr_entries;
	struct malloc_plan plan;
	char slow[64], unfollowed[64]; /* the names of functions that are */
};

static bool is_known(const struct search *search, uint64_t vaddr)
{
	for (size_t i = 0; i < search->nr_entries; i++)
		if (search->entries[i] == vaddr)
			return true;
	return false;
}

/* Whole names, as many as fit. */
static void add_name(char *names, size_t size, const char *name)
{
	size_t used = strlen(names), left = size - used;
	int length = snprintf(names + used, left, "%s %s", used ? "," : "", name);

	if (length < 0 || (size_t)length >= left)
		names[used] = '\0';
}

static void add_site(struct search *search, const struct malloc_name *name,
		     const struct malloc_site *site)
{
	struct malloc_plan *plan = &search->plan;

	if (site->is_unfollowed)
		add_name(search->unfollowed, sizeof(search->unfollowed), name->name);
	else if (site->is_slow)
		add_name(search->slow, sizeof(search->slow), name->name);
	plan->is_slow |= site->is_slow && name->traits & MALLOC_IS_HOT;
	plan->has_unfollowed |= site->is_unfollowed;
	plan->sites[plan->nr_sites++] = *site;
}

/* Is another function seen at each call of this one, so that it need not be? */
static bool is_handed_on(struct elf_file *file, const struct search *search,
			 const struct malloc_name *name, const struct code_entry *entry)
{
	bool is_unfollowed = name->traits & MALLOC_UNFOLLOWED;
	uint64_t first;

	if (!(name->traits & MALLOC_WRAPS))
		return false;
	if (!is_unfollowed && code_entry_is_jump(entry))
		return true;
	first = code_entry_find_next(file, entry, is_unfollowed);
	return first && is_known(search, first);
}

static int add_function(struct elf_file *file, struct search *search,
			const struct malloc_name *name, uint64_t vaddr)
{
	struct code_entry entry;
	struct malloc_site site;
	int err;

	if (!vaddr || is_known(search, vaddr))
		return 0;
	err = code_entry_read(file, vaddr, &entry);
	if (err)
		return err;
	search->entries[search->nr_entries++] = vaddr;
	if (is_handed_on(file, search, name, &entry))
		return 0;
	site = choose_site(&entry, name);
	if (site.is_slow && !code_entry_can_be_probed(&entry))
		return -ENOTSUP;
	add_site(search, name, &site);
	return 0;
}

static const char *name_allocator(const struct search *search)
{
	for (size_t i = 0; i < NR_MARKS; i++)
		if (search->symbols[NR_MALLOC_NAMES + i].vaddr)
			return marks[i].name;
	return "malloc";
}

static void tell(struct search *search)
{
	struct malloc_plan *plan = &search->plan;
	const char *name = plan->has_malloc ? name_allocator(search) : "";

	snprintf(plan->what, sizeof(plan->what), "%s%s%s: %zu functions%s%s%s%s", name,
		 plan->has_malloc && plan->has_python ? " and " : "",
		 plan->has_python ? "Python's own mimalloc" : "", plan->nr_sites,
		 search->slow[0] ? ", single-stepped:" : "", search->slow,
		 search->unfollowed[0] ? ", not followed:" : "", search->unfollowed);
}

static void notice_needed(int64_t tag, const char *text, void *context)
{
	*(bool *)context = true;
}

/* A static program exports nothing. Its symbols tell, unless it was stripped. */
static bool is_static(struct elf_file *file)
{
	bool needs_others = false;
	char loader[256];

	if (elf_file_loader(file, loader, sizeof(loader)) != -ENOENT)
		return false;
	elf_file_visit_dynamic(file, notice_needed, &needs_others);
	return !needs_others;
}

static void find_symbols(struct elf_file *file, struct search *search)
{
	for (size_t i = 0; i < NR_MALLOC_NAMES; i++)
		search->symbols[i].name = malloc_names[i].name;
	for (size_t i = 0; i < NR_MARKS; i++)
		search->symbols[NR_MALLOC_NAMES + i].name = marks[i].symbol;
	search->symbols[PYTHON_MARK].name = python_mark;
	elf_file_find_symbols(file, ELF_DYNSYM, search->symbols, ARRAY_SIZE(search->symbols));
	if (!search->symbols[0].vaddr && is_static(file))
		elf_file_find_symbols(file, ELF_SYMTAB, search->symbols,
				      ARRAY_SIZE(search->symbols));
}

static uint64_t find_named(const struct search *search, uint32_t call)
{
	for (size_t i = 0; i < NR_MALLOC_NAMES; i++)
		if (malloc_names[i].call == call && malloc_names[i].traits & MALLOC_IS_HOT)
			return search->symbols[i].vaddr;
	return 0;
}

/* NULL: it can be followed. */
static const char *find_reason(const struct search *search)
{
	if (!find_named(search, ALLOC_MALLOC))
		return "it exports no malloc";
	if (search->symbols[NR_MALLOC_NAMES + MARK_LOADER].vaddr)
		return "its malloc is the loader's, for before there is another";
	if (!find_named(search, ALLOC_FREE))
		return "it exports malloc, but no free";
	return NULL;
}

/* All of them, or none: a block whose end is not seen stays for ever. */
static bool find_python(struct elf_file *file, struct search *search)
{
	if (!search->symbols[PYTHON_MARK].vaddr)
		return false;
	for (size_t i = 0; i < NR_MALLOC_PYTHON_NAMES; i++)
		search->python[i].name = malloc_python_names[i].name;
	elf_file_find_symbols(file, ELF_SYMTAB, search->python, NR_MALLOC_PYTHON_NAMES);
	for (size_t i = 0; i < NR_PYTHON_NEEDED; i++)
		if (!search->python[i].vaddr)
			return false;
	return true;
}

/* Does one of the function's names say that its blocks can only be counted? */
static bool is_unfollowed(const struct search *search, uint64_t vaddr)
{
	for (size_t i = 0; i < NR_MALLOC_NAMES; i++)
		if (search->symbols[i].vaddr == vaddr && malloc_names[i].traits & MALLOC_UNFOLLOWED)
			return true;
	return false;
}

/* First those that are followed, to which the others may hand on. */
static int add_named(struct elf_file *file, struct search *search, bool is_followed)
{
	int err = 0;

	for (size_t i = 0; i < NR_MALLOC_NAMES && !err; i++) {
		const struct malloc_name *name = &malloc_names[i];
		uint64_t vaddr = search->symbols[i].vaddr;

		if (is_followed ? !is_unfollowed(search, vaddr) : name->traits & MALLOC_UNFOLLOWED)
			err = add_function(file, search, name, vaddr);
	}
	return err;
}

static int add_functions(struct elf_file *file, struct search *search)
{
	int err = 0;

	if (search->plan.has_malloc) {
		err = add_named(file, search, true);
		err = err ? err : add_named(file, search, false);
	}
	for (size_t i = 0; search->plan.has_python && i < NR_MALLOC_PYTHON_NAMES && !err; i++)
		err = add_function(file, search, &malloc_python_names[i], search->python[i].vaddr);
	return err;
}

static int search_file(struct elf_file *file, struct search *search)
{
	const char *reason;
	int err;

	find_symbols(file, search);
	reason = find_reason(search);
	search->plan.has_malloc = !reason;
	search->plan.has_python = find_python(file, search);
	if (!search->plan.has_malloc && !search->plan.has_python) {
		search->plan.reason = reason;
		return -ENOENT;
	}
	err = add_functions(file, search);
	if (err == -ENOENT)
		search->plan.reason = "one of its functions lies outside its code";
	if (err == -ENOTSUP) {
		search->plan.reason = "one of its functions begins with an instruction that the "
				      "kernel does not probe";
		err = -ENOENT;
	}
	if (!err)
		tell(search);
	return err;
}

int malloc_plan_find(int fd, struct malloc_plan *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	int err = elf_file_open(fd, &file);

	return err ? err : malloc_plan_find_in(file, ret);
}

int malloc_plan_find_in(struct elf_file *file, struct malloc_plan *ret)
{
	struct search search = { 0 };
	int err = search_file(file, &search);

	if (err)
		search.plan = (struct malloc_plan){ .reason = search.plan.reason };
	*ret = search.plan;
	return err;
}
