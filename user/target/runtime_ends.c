/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See runtime_ends.h. CPython, Python/pylifecycle.c and Modules/main.c, 3.6 to 3.15:
 *
 * - Up to 3.12 Py_FinalizeEx is the whole of it, and Py_RunMain, Py_Exit and Py_Finalize call it.
 * - From 3.13 on it is a static function, _Py_Finalize, or what a compiler has left of that
 *   (_Py_Finalize.part.0). Py_FinalizeEx and Py_Finalize only go on to it, and Py_Exit calls it.
 *   Py_RunMain calls Py_FinalizeEx, which a compiler that sees both takes in: then no end of a
 *   program comes through Py_FinalizeEx (python-build-standalone's 3.14, where BOLT has left that
 *   in the old code).
 *
 * So the static function is looked for: where both Py_FinalizeEx and Py_Exit go. Whether Py_RunMain
 * goes there too is looked up in its code; where it is not seen to, the ends are doubtful.
 */
#include "runtime_ends.h"

#include <stdbool.h>
#include <string.h>

#include "code_branch.h"
#include "code_entry.h"
#include "memory.h"

#define FUNCTION_BYTES 16384 /* Py_RunMain takes 75 to 6,357 */
#define UNSIZED_BYTES 64
#define WRAPPER_BYTES 64  /* Py_FinalizeEx that only goes on takes 9 to 37 */
#define FIRST_SPLIT 0x30d /* major << 8 | minor: the first where Py_FinalizeEx is not all */
#define FIRST_RUN_MAIN 0x308

/* A function's code, and a zero byte for each that a branch at its end would be short of. */
struct function {
	const struct elf_file *file;
	uint64_t vaddr;
	size_t size, step; /* of the branches */
	uint8_t bytes[FUNCTION_BYTES + CODE_BRANCH_BYTES];
};

static bool is_code(const struct elf_file *file, uint64_t vaddr)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);

	return segment && segment->is_executable && vaddr - segment->vaddr < segment->file_bytes;
}

static bool read_function(const struct elf_file *file, const struct elf_symbol *symbol,
			  struct function *ret)
{
	ret->file = file;
	ret->step = code_branch_step(file);
	ret->vaddr = symbol->vaddr;
	ret->size = symbol->size ? symbol->size : UNSIZED_BYTES;
	if (ret->size > FUNCTION_BYTES)
		ret->size = FUNCTION_BYTES;
	memset(ret->bytes + ret->size, 0, CODE_BRANCH_BYTES);
	return symbol->vaddr && is_code(file, symbol->vaddr) &&
	       !elf_file_read(file, symbol->vaddr, ret->bytes, ret->size);
}

static uint64_t branch_target(const struct function *function, size_t at)
{
	return code_branch_target(function->file, function->bytes + at, function->vaddr + at);
}

static bool goes_to(const struct function *function, uint64_t vaddr)
{
	for (size_t at = 0; at < function->size; at += function->step)
		if (branch_target(function, at) == vaddr)
			return true;
	return false;
}

/* As shared libraries call what they export, unless linked otherwise. */
static bool goes_through_slot(struct elf_file *file, const struct function *function,
			      uint64_t vaddr)
{
	uint64_t slot = elf_file_bound_slot(file, vaddr);

	for (size_t at = 0; slot && at < function->size; at += function->step)
		if (code_branch_slot(file, function->bytes + at, function->vaddr + at) == slot)
			return true;
	return false;
}

static bool is_inside(const struct function *function, uint64_t vaddr)
{
	return vaddr - function->vaddr < function->size;
}

/* The one function that both go to; 0: none, or several. */
static uint64_t find_shared(const struct elf_file *file, const struct function *wrapper,
			    const struct function *other)
{
	uint64_t found = 0;

	for (size_t at = 0; at < wrapper->size; at += wrapper->step) {
		uint64_t target = branch_target(wrapper, at);

		if (!target || target == found || !is_code(file, target) ||
		    is_inside(wrapper, target) || is_inside(other, target) ||
		    !goes_to(other, target))
			continue;
		if (found)
			return 0;
		found = target;
	}
	return found;
}

/* The static function of 3.13 and later; 0: it cannot be told. */
static uint64_t find_finalizer(const struct elf_file *file, const struct runtime_enders *enders)
{
	_cleanup_(freep) struct function *wrapper = xmalloc(sizeof(*wrapper));
	_cleanup_(freep) struct function *exit = xmalloc(sizeof(*exit));

	if (enders->finalize.size > WRAPPER_BYTES ||
	    !read_function(file, &enders->finalize, wrapper) ||
	    !read_function(file, &enders->exit, exit))
		return 0;
	return find_shared(file, wrapper, exit);
}

static bool is_run_main_seen(struct elf_file *file, const struct runtime_enders *enders,
			     uint64_t finalizer)
{
	_cleanup_(freep) struct function *run_main = xmalloc(sizeof(*run_main));

	if (!read_function(file, &enders->run_main, run_main))
		return false;
	return (finalizer && goes_to(run_main, finalizer)) ||
	       goes_to(run_main, enders->finalize.vaddr) ||
	       goes_through_slot(file, run_main, enders->finalize.vaddr);
}

static uint64_t find_place(const struct elf_file *file, uint64_t vaddr)
{
	struct code_entry entry;
	struct code_place place;

	if (!vaddr || code_entry_read(file, vaddr, &entry) ||
	    !code_entry_find_place(&entry, 0, &place))
		return 0;
	return entry.offset + place.at;
}

void runtime_ends_find(struct elf_file *file, const struct runtime_enders *enders, uint16_t version,
		       struct runtime_ends *ret)
{
	uint64_t finalizer = version >= FIRST_SPLIT ? find_finalizer(file, enders) : 0;
	uint64_t shared = find_place(file, finalizer);
	uint64_t finalize = shared ? 0 : find_place(file, enders->finalize.vaddr);

	*ret = (struct runtime_ends){ .offsets = { shared ? shared : finalize } };
	if (finalize && version >= FIRST_SPLIT)
		ret->offsets[1] = find_place(file, enders->exit.vaddr);
	if (!ret->offsets[0])
		ret->doubt = RUNTIME_ENDS_UNKNOWN;
	else if (version >= FIRST_RUN_MAIN &&
		 !is_run_main_seen(file, enders, shared ? finalizer : 0))
		ret->doubt = RUNTIME_ENDS_DOUBTFUL;
}

const char *runtime_ends_reason(uint32_t doubt)
{
	static const char *const reasons[NR_RUNTIME_ENDS_DOUBTS] = {
		[RUNTIME_ENDS_DOUBTFUL] = "its Py_RunMain is not seen to call the function that "
					  "takes the runtime down",
		[RUNTIME_ENDS_UNKNOWN] = "the function that takes the runtime down is not found",
	};

	return doubt < NR_RUNTIME_ENDS_DOUBTS ? reasons[doubt] : NULL;
}
