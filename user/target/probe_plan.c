/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where calls can be counted; see probe_plan.h.
 *
 * CPython has no place that every version passes once a call. Since 3.11 one C function runs many
 * Python functions, so that a probe where it starts sees only calls from C; the USDT probes for
 * calls came with 3.6, lost entry in 3.11 (gh-98894), vanished in 3.12 and came back in 3.15
 * (gh-142397). What is left where they lack is the function through which a frame ends. What
 * each rule below sees was measured over 26 scenarios in its versions. The first rule that a file
 * can serve is taken, and a rule is served whole or not at all: with one site missing the counts
 * would be wrong in silence.
 *
 * A USDT probe is taken where the program tests its semaphore, which stays as it is (usdt_test.h);
 * where those tests are not all found, at the nop of the note, with the semaphore raised.
 *
 * PROBE_FRAME_LEAF is true at USDT sites because there the frame in question is the thread's
 * current one (ceval.c up to 3.11; and seen with a debugger at 3,000 hits on each of Debian's
 * 3.9.2, 3.11.2 and 3.15.2):
 *  - 3.6-3.10 entry: `tstate->frame = f` precedes dtrace_function_entry(f).
 *  - 3.11 return: RETURN_VALUE, YIELD_VALUE and the unwinding of an exception call
 *    dtrace_function_return(frame) before they change cframe.current_frame; entries, by the way,
 *    fire only under a tracer.
 *  - 3.15 entry: the probe is at start_frame, which every call and resume comes to with
 *    current_frame set; only a throw into a generator does not. The JIT fires none: with
 *    PYTHON_JIT=1 four of five entries are lost, so the ends of frames are counted then.
 */
#include "probe_plan.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arm64_callers.h"
#include "code_entry.h"
#include "elf_file.h"
#include "memory.h"
#include "probe_insn.h"
#include "usdt_note.h"
#include "usdt_test.h"

enum site_kind {
	SITE_USDT,
	SITE_EXPORTED, /* function in .dynsym: its callers come through it, and strip leaves it */
	SITE_APART,    /* function in .symtab that its own source file keeps from being inlined */
};

struct rule {
	uint16_t first_version, last_version; /* major << 8 | minor */
	enum site_kind kind;
	enum probe_event event;
	enum probe_frame frame;
	const char *name;
	const char *reason; /* when the file has no such thing, and no further rule applies */
};

static const char no_eval[] =
	"it does not export _PyEval_EvalFrameDefault, where calls are counted";

static const struct rule rules[] = {
	{ 0x306, 0x30a, SITE_USDT, PROBE_ENTRIES, PROBE_FRAME_LEAF, "function__entry", NULL },
	{ 0x306, 0x308, SITE_EXPORTED, PROBE_ENTRIES, PROBE_FRAME_ARG1, "_PyEval_EvalFrameDefault",
	  no_eval },
	{ 0x309, 0x30a, SITE_EXPORTED, PROBE_ENTRIES, PROBE_FRAME_ARG2, "_PyEval_EvalFrameDefault",
	  no_eval },
	{ 0x30b, 0x30b, SITE_USDT, PROBE_RETURNS, PROBE_FRAME_LEAF, "function__return", NULL },
	/* A generator's frame has lost its caller by then: its ends are passed over, and so is what
	 * is left of a frame that has made a generator for C. */
	{ 0x30b, 0x30b, SITE_APART, PROBE_DEATHS, PROBE_FRAME_ARG1, "_PyFrame_Clear",
	  "a stripped 3.11 without USDT probes has no symbols where calls could be counted" },
	/* Also called for a generator that goes while it waits: its frame has no caller then, and
	 * the BPF side passes over it. */
	{ 0x30c, 0x30c, SITE_APART, PROBE_DEATHS, PROBE_FRAME_ARG1, "_PyFrame_ClearExceptCode",
	  "a stripped 3.12 has neither probes nor symbols where calls could be counted" },
	{ 0x30f, 0x30f, SITE_USDT, PROBE_ENTRIES, PROBE_FRAME_LEAF, "function__entry", NULL },
	{ 0x30d, 0x30f, SITE_EXPORTED, PROBE_DEATHS, PROBE_FRAME_ARG2, "_PyEval_FrameClearAndPop",
	  "it does not export _PyEval_FrameClearAndPop, where calls are counted" },
};

/* PyTypeObject.tp_dealloc, 3.6 to 3.15 (Include/cpython/object.h). */
#define TYPE_DEALLOC 48
#define TYPE_DEALLOC_FREE_THREADED 64

/* A source file of CPython; the symbols show for all alike whether they were linked as one. */
static const char apart_source[] = "pystate.c";

/* A semaphore whose tests were looked for. CPython has one for all notes of a probe. */
struct tested {
	uint64_t semaphore_vaddr;
	int count; /* as usdt_test_find */
};

#define MAX_TESTED 4 /* the whole text is read for each */
#define MAX_CALLERS 12

/* One rule tried on one file. */
struct attempt {
	struct elf_file *file;
	const struct rule *rule;
	struct probe_plan plan;
	struct tested tested[MAX_TESTED];
	size_t nr_tested;
	const char *refusal; /* static text: a site is there, but must not be probed */
	int err;	     /* the file cannot be read */
};

/* The file offset of memory that is in the file; false otherwise. */
static bool find_offset(const struct elf_segment *segment, uint64_t vaddr, size_t size,
			uint64_t *ret)
{
	uint64_t skip;

	if (!segment)
		return false;
	skip = vaddr - segment->vaddr;
	if (skip >= segment->file_bytes || size > segment->file_bytes - skip)
		return false;
	*ret = segment->offset + skip;
	return true;
}

static void refuse(struct attempt *attempt, const char *why)
{
	if (!attempt->refusal)
		attempt->refusal = why;
}

/* What is at an address; false and refused when that is no code. */
static bool classify(struct attempt *attempt, uint64_t vaddr, struct probe_site *ret_site,
		     enum probe_insn *ret_insn)
{
	const struct elf_segment *segment = elf_file_segment(attempt->file, vaddr);
	uint8_t bytes[PROBE_INSN_BYTES];
	size_t size = sizeof(bytes);
	uint64_t left;
	int err;

	if (!segment || !segment->is_executable ||
	    !probe_insn_is_aligned(elf_file_machine(attempt->file), vaddr) ||
	    !find_offset(segment, vaddr, 1, &ret_site->offset)) {
		refuse(attempt, "the place where calls are counted lies outside the file's code");
		return false;
	}
	left = segment->file_bytes - (vaddr - segment->vaddr);
	if (left < size)
		size = (size_t)left;
	err = elf_file_read(attempt->file, vaddr, bytes, size);
	if (err) {
		attempt->err = err;
		return false;
	}
	*ret_insn = probe_insn_classify(elf_file_machine(attempt->file), bytes, size);
	return true;
}

static bool is_known(const struct probe_plan *plan, uint64_t offset)
{
	for (size_t i = 0; i < plan->nr_sites; i++)
		if (plan->sites[i].offset == offset)
			return true;
	return false;
}

/* A note that comes twice is one site: a hit there is one call. */
static void add_site(struct attempt *attempt, const struct probe_site *site)
{
	struct probe_plan *plan = &attempt->plan;

	if (is_known(plan, site->offset))
		return;
	if (plan->nr_sites == MAX_PROBE_SITES)
		refuse(attempt, "it has more USDT probes for calls than can be attached");
	else
		plan->sites[plan->nr_sites++] = *site;
}

/* The probe itself; its semaphore will be raised. */
static void add_note(struct attempt *attempt, const struct usdt_note *note)
{
	const struct elf_segment *segment = elf_file_segment(attempt->file, note->semaphore_vaddr);
	struct probe_site site = { 0 };
	enum probe_insn insn;

	if (!classify(attempt, note->vaddr, &site, &insn))
		return;
	if (insn == PROBE_INSN_NOP5)
		refuse(attempt, "its USDT probe is a 5-byte nop inside a function, where the "
				"kernel would overwrite the program's stack");
	else if (insn != PROBE_INSN_EMULATED)
		refuse(attempt, "its USDT probe is on an instruction that the kernel would "
				"single-step at each call");
	else if (note->semaphore_vaddr &&
		 (!find_offset(segment, note->semaphore_vaddr, sizeof(uint16_t), &site.semaphore) ||
		  !segment->is_writable))
		refuse(attempt, "the semaphore of its USDT probe lies outside the file's data");
	else
		add_site(attempt, &site);
}

/* Where the program tests the semaphore, which then need not be raised. Returns how many sites. */
static int find_tests(struct attempt *attempt, uint64_t semaphore_vaddr)
{
	uint64_t vaddrs[MAX_PROBE_SITES];
	int count = usdt_test_find(attempt->file, semaphore_vaddr, vaddrs, MAX_PROBE_SITES);

	for (int i = 0; i < count; i++) {
		struct probe_site site = { 0 };
		enum probe_insn insn;

		if (classify(attempt, vaddrs[i], &site, &insn) && insn == PROBE_INSN_EMULATED)
			add_site(attempt, &site);
		else
			refuse(attempt, "a test of its USDT probe's semaphore is no jump");
	}
	return count;
}

static int add_tests(struct attempt *attempt, uint64_t semaphore_vaddr)
{
	struct tested *tested = attempt->tested;

	for (size_t i = 0; i < attempt->nr_tested; i++, tested++) {
		if (tested->semaphore_vaddr == semaphore_vaddr)
			return tested->count;
	}
	if (attempt->nr_tested == MAX_TESTED) {
		refuse(attempt,
		       "its USDT probes for calls have more semaphores than are looked at");
		return -E2BIG;
	}
	attempt->nr_tested++;
	tested->semaphore_vaddr = semaphore_vaddr;
	tested->count = find_tests(attempt, semaphore_vaddr);
	return tested->count;
}

static void add_usdt(struct attempt *attempt, const struct usdt_note *note)
{
	int nr_tests = note->semaphore_vaddr ? add_tests(attempt, note->semaphore_vaddr) : 0;

	if (nr_tests == -EIO)
		attempt->err = nr_tests;
	if (nr_tests <= 0)
		add_note(attempt, note);
	(void)snprintf(attempt->plan.what, sizeof(attempt->plan.what),
		       nr_tests > 0 ? "USDT python:%s (%d tests of its semaphore)"
				    : "USDT python:%s",
		       attempt->rule->name, nr_tests);
}

struct note_visit {
	struct attempt *attempt;
	uint64_t base;
};

static void visit_note(const struct elf_note *note, void *context)
{
	struct note_visit *visit = context;
	struct usdt_note probe;

	if (!usdt_note_parse(note, visit->base, &probe) && !strcmp(probe.provider, "python") &&
	    !strcmp(probe.name, visit->attempt->rule->name))
		add_usdt(visit->attempt, &probe);
}

static void try_usdt(struct attempt *attempt)
{
	struct note_visit visit = {
		.attempt = attempt,
		.base = elf_file_section_vaddr(attempt->file, USDT_BASE_SECTION),
	};

	elf_file_visit_notes(attempt->file, USDT_NOTE_SECTION, visit_note, &visit);
}

/* What a hit is asked for: with the second argument the thread state, too. */
static uint32_t arguments_of(enum probe_frame frame)
{
	return frame == PROBE_FRAME_ARG1 ? CODE_ARGUMENT_1 : CODE_ARGUMENT_1 | CODE_ARGUMENT_2;
}

/* Where a function's arguments are still in their registers: of x86-64 at its first instruction, or
 * behind an endbr64. Of arm64, whose functions begin with what the kernel steps, at what it
 * emulates if that comes before they have gone or anything is stored but on the stack; else at the
 * first. */
static bool find_place(const struct elf_file *file, uint64_t vaddr, uint32_t arguments,
		       uint64_t *ret_place)
{
	struct code_entry entry;
	struct code_place place;

	*ret_place = vaddr;
	if (code_entry_read(file, vaddr, &entry))
		return true; /* classify() tells why it is none */
	if (entry.machine != EM_AARCH64)
		place.at = code_entry_first(&entry);
	else if (!code_entry_find_place(&entry, arguments, &place))
		return false;
	*ret_place = vaddr + place.at;
	return true;
}

static bool is_taken(const struct elf_file *file, enum probe_insn insn)
{
	return insn == PROBE_INSN_EMULATED || insn == PROBE_INSN_NOP5 ||
	       (elf_file_machine(file) == EM_AARCH64 && insn != PROBE_INSN_REFUSED);
}

static void add_function(struct attempt *attempt, uint64_t vaddr)
{
	struct probe_site site = { 0 };
	enum probe_insn insn;
	uint64_t place;

	if (!find_place(attempt->file, vaddr, arguments_of(attempt->rule->frame), &place)) {
		refuse(attempt, "the function where calls are counted begins with an instruction "
				"that the kernel does not probe");
		return;
	}
	if (!classify(attempt, place, &site, &insn))
		return;
	if (!is_taken(attempt->file, insn)) {
		refuse(attempt, "the function where calls are counted begins with an instruction "
				"that the kernel would single-step at each call");
		return;
	}
	add_site(attempt, &site);
	(void)snprintf(attempt->plan.what, sizeof(attempt->plan.what),
		       place == vaddr ? "uprobe %s" : "uprobe %s+%u", attempt->rule->name,
		       (unsigned int)(place - vaddr));
}

/*
 * A function through which frames end is small and hot, so optimizers that work on the whole
 * program copy it into its callers, and what ends there is not seen: BOLT does
 * (python-build-standalone's 3.14.6 ended all but a few of its frames in copies), and so may clang
 * where each instruction of the interpreter is a function of its own that ends in a tail call. BOLT
 * leaves the code that it has rearranged beside a copy, in a second executable segment.
 */
static const char *find_copying(struct elf_file *file)
{
	struct elf_symbol handler = { .name = "_TAIL_CALL_RETURN_VALUE" };

	if (elf_file_nr_texts(file) > 1 || elf_file_section_vaddr(file, ".bolt.org.text"))
		return "BOLT has rearranged its code, and copied the function where calls are "
		       "counted into others";
	if (elf_file_find_symbols(file, ELF_SYMTAB, &handler, 1))
		return "it is built with tail calls, whose compiler may have copied the function "
		       "where calls are counted into others";
	return NULL;
}

/*
 * Of a stripped file that neither shows of (python-build-standalone's 3.14.6 for arm64): the copies
 * call what the function calls. _PyFrame_ClearExceptCode, which it calls first, has 2 to 7 other
 * callers in Debian's 3.13 to 3.15, with and without what was taken into them, and 24 there.
 */
static const char *find_copied_callee(struct elf_file *file, const struct elf_symbol *function)
{
	uint64_t callee = elf_file_machine(file) == EM_AARCH64 ? arm64_first_callee(file, function)
							       : 0;

	if (!callee || arm64_count_callers(file, callee, function) <= MAX_CALLERS)
		return NULL;
	return "its compiler has copied the function where calls are counted into others";
}

static void try_function(struct attempt *attempt)
{
	const char *copying = attempt->rule->event == PROBE_DEATHS ? find_copying(attempt->file)
								   : NULL;
	bool is_apart = attempt->rule->kind == SITE_APART;
	struct elf_symbol function = { .name = attempt->rule->name };

	/* Whole names only: what a compiler has specialized (.constprop, .isra, .part) takes other
	 * arguments, or not all calls. */
	if (!elf_file_find_symbols(attempt->file, is_apart ? ELF_SYMTAB : ELF_DYNSYM, &function, 1))
		return;
	if (!copying && !is_apart && attempt->rule->event == PROBE_DEATHS)
		copying = find_copied_callee(attempt->file, &function);
	if (copying)
		refuse(attempt, copying);
	else if (is_apart && !elf_file_is_compiled_apart(attempt->file, apart_source))
		refuse(attempt, "link-time optimization may have copied the function where calls "
				"are counted into others");
	else
		add_function(attempt, function.vaddr);
}

/*
 * Every code object ends in the tp_dealloc of PyCode_Type, which is exported in all versions. As
 * long as none has been there an address still is the code object that it was.
 */
static uint64_t find_code_death(struct elf_file *file, bool is_free_threaded)
{
	struct attempt attempt = { .file = file };
	struct elf_symbol type = { .name = "PyCode_Type" };
	uint64_t dealloc = is_free_threaded ? TYPE_DEALLOC_FREE_THREADED : TYPE_DEALLOC;
	struct probe_site site = { 0 };
	enum probe_insn insn;
	uint64_t function, place;

	if (!elf_file_find_symbols(file, ELF_DYNSYM, &type, 1) ||
	    elf_file_read_pointer(file, type.vaddr + dealloc, &function) ||
	    !find_place(file, function, CODE_ARGUMENT_1, &place) ||
	    !classify(&attempt, place, &site, &insn))
		return 0;
	return is_taken(file, insn) ? site.offset : 0;
}

/* 0: the plan is complete; -ENOENT: not by this rule; other -errno. */
static int try_rule(struct attempt *attempt)
{
	const struct rule *rule = attempt->rule;

	attempt->plan = (struct probe_plan){
		.method = rule->kind == SITE_USDT ? PROBE_BY_USDT : PROBE_BY_UPROBE,
		.event = rule->event,
		.frame = rule->frame,
	};
	if (rule->kind == SITE_USDT)
		try_usdt(attempt);
	else
		try_function(attempt);
	if (attempt->err)
		return attempt->err;
	return attempt->refusal || !attempt->plan.nr_sites ? -ENOENT : 0;
}

static bool is_passed_by_jit(const struct rule *rule)
{
	return rule->first_version >= 0x30f && rule->kind == SITE_USDT;
}

/* A refusal says more than the absence of the next best, so the first one is told. */
static int try_rules(struct elf_file *file, const struct interpreter *interpreter, bool is_jit_on,
		     struct probe_plan *ret)
{
	unsigned int version = interpreter->version_hex >> 16;
	const char *refusal = NULL, *reason = "no place to count calls is known in this version";

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct attempt attempt = { .file = file, .rule = &rules[i] };
		int err;

		if (version < rules[i].first_version || version > rules[i].last_version ||
		    (is_jit_on && is_passed_by_jit(&rules[i])))
			continue;
		err = try_rule(&attempt);
		if (!err) {
			*ret = attempt.plan;
			ret->code_death = find_code_death(file, interpreter->layout.free_threaded);
		}
		if (err != -ENOENT)
			return err;
		reason = rules[i].reason;
		if (!refusal)
			refusal = attempt.refusal;
	}
	*ret = (struct probe_plan){ .reason = refusal ? refusal : reason };
	return -ENOENT;
}

int probe_plan_find_in(struct elf_file *file, const struct interpreter *interpreter, bool is_jit_on,
		       struct probe_plan *ret)
{
	if (!interpreter->reason)
		return try_rules(file, interpreter, is_jit_on, ret);
	*ret = (struct probe_plan){ .reason = interpreter->reason };
	return -ENOENT;
}

int probe_plan_find(int fd, const struct interpreter *interpreter, bool is_jit_on,
		    struct probe_plan *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	int err = elf_file_open(fd, &file);

	return err ? err : probe_plan_find_in(file, interpreter, is_jit_on, ret);
}
