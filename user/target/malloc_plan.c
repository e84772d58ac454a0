/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where an allocator's functions are probed; see malloc_plan.h.
 *
 * A probe on an instruction that the kernel emulates takes 0.5 us, on others 17 us (probe_insn.h),
 * and many of these functions begin with others: free of glibc 2.36 with `test %rdi,%rdi`. But a
 * few instructions later there is a jump or a push in nearly all. Until the first jump or push all
 * calls take the same way, so that the probe may be there as long as what comes before leaves the
 * arguments alone, and the stack pointer where a return probe has to find the return address.
 *
 * Names that lead to the same address are one function. A wrapper that is nothing but a jump to
 * another function is left out where it would be seen twice for no use: C++'s operators of jemalloc
 * and mimalloc jump to their free.
 */
#include "malloc_plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <memprobe/wire.h>

#include "code_step.h"
#include "elf_file.h"
#include "memory.h"
#include "probe_insn.h"

#define MAX_STEPS 16
#define BEGINNING_BYTES 96
#define JUMP_OPCODE 0xe9 /* jmp rel32 */

struct function {
	const char *name;
	uint8_t call; /* enum wire_alloc_call */
	bool is_hot;  /* that many programs call often */
	bool is_operator;
};

/* Sized and aligned operators take what malloc and free take first. */
static const struct function functions[] = {
	{ "malloc", ALLOC_MALLOC, true, false },
	{ "calloc", ALLOC_CALLOC, true, false },
	{ "realloc", ALLOC_REALLOC, true, false },
	{ "free", ALLOC_FREE, true, false },
	{ "reallocarray", ALLOC_REALLOCARRAY, false, false },
	{ "memalign", ALLOC_ALIGNED, false, false },
	{ "aligned_alloc", ALLOC_ALIGNED, false, false },
	{ "posix_memalign", ALLOC_POSIX, false, false },
	{ "valloc", ALLOC_PAGES, false, false },
	{ "pvalloc", ALLOC_PAGES, false, false },
	{ "cfree", ALLOC_FREE, false, false },
	{ "free_sized", ALLOC_FREE, false, false },
	{ "free_aligned_sized", ALLOC_FREE, false, false },
	{ "_Znwm", ALLOC_MALLOC, false, true },
	{ "_Znam", ALLOC_MALLOC, false, true },
	{ "_ZnwmRKSt9nothrow_t", ALLOC_MALLOC, false, true },
	{ "_ZnamRKSt9nothrow_t", ALLOC_MALLOC, false, true },
	{ "_ZnwmSt11align_val_t", ALLOC_MALLOC, false, true },
	{ "_ZnamSt11align_val_t", ALLOC_MALLOC, false, true },
	{ "_ZnwmSt11align_val_tRKSt9nothrow_t", ALLOC_MALLOC, false, true },
	{ "_ZnamSt11align_val_tRKSt9nothrow_t", ALLOC_MALLOC, false, true },
	/* What some of mimalloc's operators jump to. */
	{ "mi_new", ALLOC_MALLOC, false, true },
	{ "mi_new_nothrow", ALLOC_MALLOC, false, true },
	{ "mi_new_aligned", ALLOC_MALLOC, false, true },
	{ "mi_new_aligned_nothrow", ALLOC_MALLOC, false, true },
	{ "_ZdlPv", ALLOC_FREE, false, true },
	{ "_ZdaPv", ALLOC_FREE, false, true },
	{ "_ZdlPvm", ALLOC_FREE, false, true },
	{ "_ZdaPvm", ALLOC_FREE, false, true },
	{ "_ZdlPvRKSt9nothrow_t", ALLOC_FREE, false, true },
	{ "_ZdaPvRKSt9nothrow_t", ALLOC_FREE, false, true },
	{ "_ZdlPvSt11align_val_t", ALLOC_FREE, false, true },
	{ "_ZdaPvSt11align_val_t", ALLOC_FREE, false, true },
	{ "_ZdlPvmSt11align_val_t", ALLOC_FREE, false, true },
	{ "_ZdaPvmSt11align_val_t", ALLOC_FREE, false, true },
	{ "_ZdlPvSt11align_val_tRKSt9nothrow_t", ALLOC_FREE, false, true },
	{ "_ZdaPvSt11align_val_tRKSt9nothrow_t", ALLOC_FREE, false, true },
};
#define NR_FUNCTIONS ARRAY_SIZE(functions)

/*
 * What CPython from 3.13 on has its objects and their buffers served by where its own mimalloc does
 * that: all calls come through a PyMemAllocatorEx of these. They are static, so that a file which
 * was stripped does not tell of them.
 */
static const struct function python_functions[] = {
	{ "_PyMem_MiMalloc", ALLOC_MALLOC, false, false },
	{ "_PyMem_MiCalloc", ALLOC_CALLOC, false, false },
	{ "_PyMem_MiRealloc", ALLOC_REALLOC, false, false },
	{ "_PyMem_MiFree", ALLOC_FREE, false, false },
	{ "_PyObject_MiMalloc", ALLOC_MALLOC, false, false },
	{ "_PyObject_MiCalloc", ALLOC_CALLOC, false, false },
	{ "_PyObject_MiRealloc", ALLOC_REALLOC, false, false },
	{ "_PyObject_MiFree", ALLOC_FREE, false, false },
	/* 3.15 without the GIL: what does not belong to objects, too. */
	{ "_PyMem_MiRawMalloc", ALLOC_MALLOC, false, false },
	{ "_PyMem_MiRawCalloc", ALLOC_CALLOC, false, false },
	{ "_PyMem_MiRawRealloc", ALLOC_REALLOC, false, false },
	{ "_PyMem_MiRawFree", ALLOC_FREE, false, false },
};
#define NR_PYTHON_FUNCTIONS ARRAY_SIZE(python_functions)
#define NR_PYTHON_NEEDED 8
_Static_assert(NR_FUNCTIONS + NR_PYTHON_FUNCTIONS <= MAX_MALLOC_SITES, "a site for each");

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
#define PYTHON_MARK (NR_FUNCTIONS + NR_MARKS)

/* Registers that must still hold what they held at the entry. */
static const uint16_t needed[NR_ALLOC_CALLS] = {
	[ALLOC_MALLOC] = 1 << CODE_RDI,
	[ALLOC_CALLOC] = 1 << CODE_RDI | 1 << CODE_RSI,
	[ALLOC_REALLOC] = 1 << CODE_RDI | 1 << CODE_RSI,
	[ALLOC_REALLOCARRAY] = 1 << CODE_RDI | 1 << CODE_RSI | 1 << CODE_RDX,
	[ALLOC_ALIGNED] = 1 << CODE_RSI,
	[ALLOC_POSIX] = 1 << CODE_RDI | 1 << CODE_RDX,
	[ALLOC_PAGES] = 1 << CODE_RDI,
	[ALLOC_FREE] = 1 << CODE_RDI,
};

/* The same with a context before them. */
static const uint16_t needed_with_context[NR_ALLOC_CALLS] = {
	[ALLOC_MALLOC] = 1 << CODE_RSI,
	[ALLOC_CALLOC] = 1 << CODE_RSI | 1 << CODE_RDX,
	[ALLOC_REALLOC] = 1 << CODE_RSI | 1 << CODE_RDX,
	[ALLOC_FREE] = 1 << CODE_RSI,
};

/* ---- One function ---- */

/* Its first bytes, as many as are in the file. */
struct beginning {
	uint64_t offset;
	size_t size;
	uint8_t bytes[BEGINNING_BYTES];
};

static int read_beginning(const struct elf_file *file, uint64_t vaddr, struct beginning *ret)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);
	uint64_t skip = segment ? vaddr - segment->vaddr : 0;

	if (!segment || !segment->is_executable || skip >= segment->file_bytes)
		return -ENOENT;
	ret->offset = segment->offset + skip;
	ret->size = sizeof(ret->bytes);
	if (segment->file_bytes - skip < ret->size)
		ret->size = (size_t)(segment->file_bytes - skip);
	return elf_file_read(file, vaddr, ret->bytes, ret->size);
}

/* The first instruction that does something. */
static size_t skip_landing(const struct beginning *beginning)
{
	enum probe_insn insn = probe_insn_classify(beginning->bytes, beginning->size);

	return insn == PROBE_INSN_LANDING ? PROBE_INSN_LANDING_BYTES : 0;
}

struct place {
	size_t at;
	bool tests_null; /* behind a test of the first argument for NULL */
};

static bool is_null_test(const uint8_t *bytes, size_t size)
{
	static const uint8_t test[] = { 0x48, 0x85, 0xff }; /* test %rdi,%rdi */

	return size == sizeof(test) && !memcmp(bytes, test, sizeof(test));
}

/* Where the kernel emulates, of all calls that come to `from`; false: nowhere that is known to do.
 */
static bool find_emulated(const struct beginning *beginning, size_t from, uint16_t kept,
			  struct place *ret)
{
	struct place place = { .at = from };

	for (int i = 0; i < MAX_STEPS && place.at < beginning->size; i++) {
		const uint8_t *bytes = beginning->bytes + place.at;
		size_t size = beginning->size - place.at;
		enum probe_insn insn = probe_insn_classify(bytes, size);
		struct code_step step;

		if (insn == PROBE_INSN_EMULATED ||
		    (insn == PROBE_INSN_NOP5 && place.at == skip_landing(beginning))) {
			*ret = place;
			return true;
		}
		if (!code_step_decode(bytes, size, &step) || step.written & kept)
			return false;
		place.tests_null = is_null_test(bytes, step.bytes);
		place.at += step.bytes;
	}
	return false;
}

/* How long a jump is that is taken when a test finds 0; 0: it is another instruction. */
static size_t jump_if_zero_bytes(const struct beginning *beginning, size_t at)
{
	const uint8_t *bytes = beginning->bytes + at;

	if (bytes[0] == 0x74)
		return 2;
	return at + 1 < beginning->size && bytes[0] == 0x0f && bytes[1] == 0x84 ? 6 : 0;
}

/* free(NULL) does nothing, and is every second call of some programs: behind the test for it a half
 * is to be seen. (An optimisation in OpenAeroStruct: 2.74 million calls, 1.37 million blocks.) */
static void pass_null_test(const struct beginning *beginning, uint16_t kept, struct place *place)
{
	size_t jump = place->tests_null ? jump_if_zero_bytes(beginning, place->at) : 0;

	if (jump)
		find_emulated(beginning, place->at + jump, kept, place);
}

static bool is_jump(const struct beginning *beginning)
{
	size_t first = skip_landing(beginning);

	return first < beginning->size && beginning->bytes[first] == JUMP_OPCODE;
}

static struct malloc_site choose_site(const struct beginning *beginning, uint32_t call,
				      bool has_context)
{
	bool has_return = call != ALLOC_FREE;
	uint16_t arguments = has_context ? needed_with_context[call] : needed[call];
	uint16_t kept = arguments | (has_return ? 1 << CODE_RSP : 0);
	struct place place = { 0 };
	bool is_found = find_emulated(beginning, skip_landing(beginning), kept, &place);

	if (call == ALLOC_FREE && !has_context)
		pass_null_test(beginning, kept, &place);
	return (struct malloc_site){
		.offset = beginning->offset + place.at,
		.call = call,
		.has_return = has_return,
		.is_slow = !is_found,
		.has_context = has_context,
	};
}

/* ---- A file ---- */

struct search {
	struct elf_symbol symbols[NR_FUNCTIONS + NR_MARKS + 1];
	struct elf_symbol python[NR_PYTHON_FUNCTIONS];
	uint64_t entries[MAX_MALLOC_SITES]; /* of the plan's sites */
	struct malloc_plan plan;
	char slow[64]; /* the names of functions that are */
};

static bool is_known(const struct search *search, uint64_t vaddr)
{
	for (size_t i = 0; i < search->plan.nr_sites; i++)
		if (search->entries[i] == vaddr)
			return true;
	return false;
}

/* Whole names, as many as fit. */
static void tell_slow(struct search *search, const char *name)
{
	size_t used = strlen(search->slow), left = sizeof(search->slow) - used;
	int length = snprintf(search->slow + used, left, "%s %s", used ? "," : "", name);

	if (length < 0 || (size_t)length >= left)
		search->slow[used] = '\0';
}

static int add_function(const struct elf_file *file, struct search *search,
			const struct function *function, uint64_t vaddr, bool has_context)
{
	struct malloc_plan *plan = &search->plan;
	struct beginning beginning;
	struct malloc_site site;
	int err;

	if (!vaddr || is_known(search, vaddr))
		return 0;
	err = read_beginning(file, vaddr, &beginning);
	if (err)
		return err;
	if ((function->is_operator || has_context) && is_jump(&beginning))
		return 0;
	site = choose_site(&beginning, function->call, has_context);
	if (site.is_slow) {
		tell_slow(search, function->name);
		plan->is_slow |= function->is_hot;
	}
	search->entries[plan->nr_sites] = vaddr;
	plan->sites[plan->nr_sites++] = site;
	return 0;
}

static const char *name_allocator(const struct search *search)
{
	for (size_t i = 0; i < NR_MARKS; i++)
		if (search->symbols[NR_FUNCTIONS + i].vaddr)
			return marks[i].name;
	return "malloc";
}

static void tell(struct search *search)
{
	struct malloc_plan *plan = &search->plan;
	const char *name = plan->has_malloc ? name_allocator(search) : "";

	snprintf(plan->what, sizeof(plan->what), "%s%s%s: %zu functions%s%s", name,
		 plan->has_malloc && plan->has_python ? " and " : "",
		 plan->has_python ? "Python's own mimalloc" : "", plan->nr_sites,
		 search->slow[0] ? ", single-stepped:" : "", search->slow);
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
	for (size_t i = 0; i < NR_FUNCTIONS; i++)
		search->symbols[i].name = functions[i].name;
	for (size_t i = 0; i < NR_MARKS; i++)
		search->symbols[NR_FUNCTIONS + i].name = marks[i].symbol;
	search->symbols[PYTHON_MARK].name = python_mark;
	elf_file_find_symbols(file, ELF_DYNSYM, search->symbols, ARRAY_SIZE(search->symbols));
	if (!search->symbols[0].vaddr && is_static(file))
		elf_file_find_symbols(file, ELF_SYMTAB, search->symbols,
				      ARRAY_SIZE(search->symbols));
}

static uint64_t find_named(const struct search *search, uint32_t call)
{
	for (size_t i = 0; i < NR_FUNCTIONS; i++)
		if (functions[i].call == call && functions[i].is_hot)
			return search->symbols[i].vaddr;
	return 0;
}

/* NULL: it can be followed. */
static const char *find_reason(const struct search *search)
{
	if (!find_named(search, ALLOC_MALLOC))
		return "it exports no malloc";
	if (search->symbols[NR_FUNCTIONS + MARK_LOADER].vaddr)
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
	for (size_t i = 0; i < NR_PYTHON_FUNCTIONS; i++)
		search->python[i].name = python_functions[i].name;
	elf_file_find_symbols(file, ELF_SYMTAB, search->python, NR_PYTHON_FUNCTIONS);
	for (size_t i = 0; i < NR_PYTHON_NEEDED; i++)
		if (!search->python[i].vaddr)
			return false;
	return true;
}

static int add_functions(const struct elf_file *file, struct search *search)
{
	int err = 0;

	for (size_t i = 0; search->plan.has_malloc && i < NR_FUNCTIONS && !err; i++)
		err = add_function(file, search, &functions[i], search->symbols[i].vaddr, false);
	for (size_t i = 0; search->plan.has_python && i < NR_PYTHON_FUNCTIONS && !err; i++)
		err = add_function(file, search, &python_functions[i], search->python[i].vaddr,
				   true);
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
	if (!err)
		tell(search);
	return err;
}

int malloc_plan_find(int fd, struct malloc_plan *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	struct search search = { 0 };
	int err = elf_file_open(fd, &file);

	if (err)
		return err;
	err = search_file(file, &search);
	if (err)
		search.plan = (struct malloc_plan){ .reason = search.plan.reason };
	*ret = search.plan;
	return err;
}
