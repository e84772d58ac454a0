/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPython inside one file; see interpreter.h.
 *
 * A file has one when it defines (not imports) the symbols below. Its version comes from, in this
 * order: the constant Py_Version (3.11+), _Py_DebugOffsets (3.13+), the string that Py_GetVersion
 * formats. Offsets come from the table of the version, and from 3.13 on from _Py_DebugOffsets.
 *
 * The generation is evidence that a code object seen at an address before is still the same:
 *
 * - 3.14+: PyInterpreterState._code_object_generation, incremented by code_dealloc() before the
 *   memory is freed (Objects/codeobject.c). It counts deaths instead of births, and no address is
 *   used twice without one.
 * - 3.13: PyInterpreterState.func_state.next_version, incremented by init_code().
 * - 3.12: the global _Py_next_func_version, incremented by init_code(). Not func_state, which
 *   counts functions there.
 * - 3.6-3.11: pydict_global_version, incremented by every change of a dict. compile() and import
 *   always make one, but marshal.loads() and code.replace() do not (measured on 3.11.2).
 *
 * Those of 3.12 and 3.13 stop at 0 after 2^32 code objects.
 */
#include "interpreter.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "c_library.h"
#include "code_scan.h"
#include "debug_offsets.h"
#include "elf_file.h"
#include "memory.h"
#include "offset_table.h"

#define VERSION(major, minor) ((major) << 8 | (minor))

enum {
	SYMBOL_RUNTIME,	       /* 3.7+ */
	SYMBOL_TSTATE_CURRENT, /* 2.7-3.6 */
	SYMBOL_EVAL_FRAME,
	SYMBOL_EVAL_FRAME_EX,
	SYMBOL_GET_VERSION,
	SYMBOL_VERSION, /* 3.11+ */
	SYMBOL_GET_TSTATE,
	SYMBOL_TLS_KEY,	   /* 3.6, static */
	SYMBOL_FINALIZING, /* 3.6 */
	SYMBOL_FINALIZE,   /* 3.6+ */
	SYMBOL_EXIT,
	SYMBOL_RUN_MAIN,     /* 3.8+ */
	SYMBOL_REF_DEBUG,    /* only in debug builds */
	SYMBOL_TRACE_REFS,   /* only in builds with Py_TRACE_REFS */
	SYMBOL_CODE_VERSION, /* 3.12, hidden */
	SYMBOL_CODE_NEW,
	SYMBOL_DICT_VERSION_310, /* 3.6-3.10, static */
	SYMBOL_DICT_VERSION_311, /* hidden */
	SYMBOL_FIRST_DICT,
	SYMBOL_LAST_DICT = SYMBOL_FIRST_DICT + 5,
	NR_SYMBOLS,
};

struct inspection {
	struct elf_file *file;
	struct elf_symbol symbols[NR_SYMBOLS];
	struct offset_table table;
	struct debug_offsets debug_offsets;
	bool has_debug_offsets;
};

static const struct elf_symbol wanted[NR_SYMBOLS] = {
	[SYMBOL_RUNTIME] = { .name = "_PyRuntime" },
	[SYMBOL_TSTATE_CURRENT] = { .name = "_PyThreadState_Current" },
	[SYMBOL_EVAL_FRAME] = { .name = "_PyEval_EvalFrameDefault" },
	[SYMBOL_EVAL_FRAME_EX] = { .name = "PyEval_EvalFrameEx" },
	[SYMBOL_GET_VERSION] = { .name = "Py_GetVersion" },
	[SYMBOL_VERSION] = { .name = "Py_Version" },
	[SYMBOL_GET_TSTATE] = { .name = "PyGILState_GetThisThreadState" },
	[SYMBOL_TLS_KEY] = { .name = "autoTLSkey" },
	[SYMBOL_FINALIZING] = { .name = "_Py_Finalizing" },
	[SYMBOL_FINALIZE] = { .name = "Py_FinalizeEx" },
	[SYMBOL_EXIT] = { .name = "Py_Exit" },
	[SYMBOL_RUN_MAIN] = { .name = "Py_RunMain" },
	[SYMBOL_REF_DEBUG] = { .name = "_Py_NegativeRefcount" },
	[SYMBOL_TRACE_REFS] = { .name = "_Py_PrintReferences" },
	[SYMBOL_CODE_VERSION] = { .name = "_Py_next_func_version" },
	[SYMBOL_CODE_NEW] = { .name = "_PyCode_New" },
	[SYMBOL_DICT_VERSION_310] = { .name = "pydict_global_version" },
	[SYMBOL_DICT_VERSION_311] = { .name = "_pydict_global_version" },
	/* Functions that change a dict in their own body, whatever was inlined. */
	[SYMBOL_FIRST_DICT] = { .name = "PyDict_New" },
	[SYMBOL_FIRST_DICT + 1] = { .name = "PyDict_Clear" },
	[SYMBOL_FIRST_DICT + 2] = { .name = "PyDict_Copy" },
	[SYMBOL_FIRST_DICT + 3] = { .name = "PyDict_DelItem" },
	[SYMBOL_FIRST_DICT + 4] = { .name = "PyDict_SetDefault" },
	[SYMBOL_LAST_DICT] = { .name = "_PyDict_NewPresized" },
};

static uint64_t vaddr_of(const struct inspection *inspection, int symbol)
{
	return inspection->symbols[symbol].vaddr;
}

static bool is_python(const struct inspection *inspection)
{
	if (vaddr_of(inspection, SYMBOL_RUNTIME) || vaddr_of(inspection, SYMBOL_TSTATE_CURRENT))
		return true;
	return vaddr_of(inspection, SYMBOL_GET_VERSION) &&
	       (vaddr_of(inspection, SYMBOL_EVAL_FRAME) ||
		vaddr_of(inspection, SYMBOL_EVAL_FRAME_EX));
}

static bool find_symbols(struct inspection *inspection, enum interpreter_search search)
{
	memcpy(inspection->symbols, wanted, sizeof(wanted));
	elf_file_find_symbols(inspection->file, ELF_DYNSYM, inspection->symbols, NR_SYMBOLS);
	if (search == INTERPRETER_EXPORTED && !is_python(inspection))
		return false;
	/* Once more for what is static. */
	elf_file_find_symbols(inspection->file, ELF_SYMTAB, inspection->symbols, NR_SYMBOLS);
	return is_python(inspection);
}

static int scan_function(const struct inspection *inspection, int symbol, struct code_scan *ret)
{
	return code_scan_open(inspection->file, &inspection->symbols[symbol], ret);
}

/* "3.9.2", "3.10.0rc1+", "2.7" as PY_VERSION_HEX; 0 when it is none. */
static uint32_t parse_version(const char *text)
{
	unsigned int major, minor, micro = 0, serial = 0, level = 0xf;
	char letter[2] = "";
	int end = 0;

	if (sscanf(text, "%1u.%2u%n.%2u%n", &major, &minor, &end, &micro, &end) < 2)
		return 0;
	if (sscanf(text + end, "%*1[r]%1[c]%1u", letter, &serial) == 2)
		level = 0xc;
	else if (sscanf(text + end, "%1[ab]%1u", letter, &serial) == 2)
		level = letter[0] == 'a' ? 0xa : 0xb;
	return major << 24 | minor << 16 | micro << 8 | level << 4 | serial;
}

static void format_version(uint32_t hex, char *ret, size_t size)
{
	static const char *const levels[16] = { [0xa] = "a", [0xb] = "b", [0xc] = "rc" };
	const char *level = levels[hex >> 4 & 0xf];
	unsigned int major = hex >> 24, minor = hex >> 16 & 0xff, micro = hex >> 8 & 0xff;

	if (!hex)
		*ret = '\0';
	else if (!(hex & 0xffff))
		snprintf(ret, size, "%u.%u", major, minor);
	else if (level)
		snprintf(ret, size, "%u.%u.%u%s%u", major, minor, micro, level, hex & 0xf);
	else
		snprintf(ret, size, "%u.%u.%u", major, minor, micro);
}

static void read_debug_offsets(struct inspection *inspection)
{
	char bytes[DEBUG_OFFSETS_BYTES];

	inspection->has_debug_offsets =
		vaddr_of(inspection, SYMBOL_RUNTIME) &&
		!elf_file_read(inspection->file, vaddr_of(inspection, SYMBOL_RUNTIME), bytes,
			       sizeof(bytes)) &&
		!debug_offsets_parse(bytes, sizeof(bytes), &inspection->debug_offsets);
}

static uint32_t read_version(const struct inspection *inspection)
{
	struct code_scan scan;
	char text[32];
	uint32_t hex;

	if (vaddr_of(inspection, SYMBOL_VERSION) &&
	    !elf_file_read(inspection->file, vaddr_of(inspection, SYMBOL_VERSION), &hex,
			   sizeof(hex)))
		return hex;
	if (inspection->has_debug_offsets)
		return inspection->debug_offsets.version_hex;
	if (scan_function(inspection, SYMBOL_GET_VERSION, &scan) ||
	    code_scan_version(&scan, text, sizeof(text)))
		return 0;
	return parse_version(text);
}

static void read_text_segment(const struct inspection *inspection, struct interpreter *result)
{
	const struct elf_segment *text = elf_file_text(inspection->file);

	if (!text)
		return;
	result->text_vaddr = text->vaddr;
	result->text_offset = text->offset;
	result->text_bytes = text->file_bytes;
}

static const char *explain_version(uint32_t hex)
{
	unsigned int version = hex >> 16;

	if (!version)
		return "its version cannot be read";
	if (version < VERSION(3, 6))
		return "it is older than Python 3.6";
	/* 3.16 begins with a column in offset_table.def and one in debug_offsets.def. */
	if (version > VERSION(3, 15))
		return "it is newer than Python 3.15, and its _Py_DebugOffsets is another";
	if ((hex & 0xffff) && (hex >> 4 & 0xf) < 0xc)
		return "it is a pre-release";
	return "its release is not known";
}

/* A version newer than all that are known is walked by what it says of itself; what it does not say
 * (masks, the way to the thread state) is taken as in the newest. */
static bool guess_offsets(struct inspection *inspection, const struct interpreter *result)
{
	const struct debug_offsets *offsets = &inspection->debug_offsets;

	if (!inspection->has_debug_offsets ||
	    offsets->version_hex >> 16 != result->version_hex >> 16 ||
	    offset_table_guess(result->version_hex, offsets->is_free_threaded, &inspection->table))
		return false;
	offset_table_adapt(&inspection->table, elf_file_machine(inspection->file));
	return !debug_offsets_guess(offsets, &inspection->table);
}

/* Each step returns why the interpreter cannot be walked, NULL when it can. */
static const char *find_offsets(struct inspection *inspection, struct interpreter *result)
{
	const struct debug_offsets *offsets = &inspection->debug_offsets;
	bool is_free_threaded = inspection->has_debug_offsets && offsets->is_free_threaded;

	if (guess_offsets(inspection, result))
		return NULL;
	if (offset_table_find(result->version_hex, is_free_threaded, &inspection->table))
		return explain_version(result->version_hex);
	offset_table_adapt(&inspection->table, elf_file_machine(inspection->file));
	result->verified = true;
	if (inspection->table.layout.version < VERSION(3, 13))
		return NULL;
	if (!inspection->has_debug_offsets ||
	    offsets->version_hex >> 16 != result->version_hex >> 16 ||
	    debug_offsets_apply(offsets, &inspection->table, &result->table_disagrees))
		return "its _Py_DebugOffsets makes no sense";
	return NULL;
}

static uint64_t find_tls_key(const struct inspection *inspection)
{
	struct code_scan scan;

	if (vaddr_of(inspection, SYMBOL_TLS_KEY))
		return vaddr_of(inspection, SYMBOL_TLS_KEY);
	if (scan_function(inspection, SYMBOL_GET_TSTATE, &scan))
		return 0;
	return code_scan_tls_key(&scan);
}

static const char *find_tls_variable(const struct inspection *inspection,
				     struct wire_layout *layout)
{
	struct code_scan scan;

	if (scan_function(inspection, SYMBOL_GET_TSTATE, &scan) ||
	    code_scan_tls(&scan, &layout->tls_bound))
		return "how it finds its thread state is not known";
	layout->tstate_by = TSTATE_BY_TLS;
	return NULL;
}

static const char *find_thread_state(const struct inspection *inspection,
				     struct wire_layout *layout)
{
	uint64_t runtime = vaddr_of(inspection, SYMBOL_RUNTIME);
	int key;

	if (layout->version >= VERSION(3, 15))
		return find_tls_variable(inspection, layout);
	if (layout->version >= VERSION(3, 7))
		layout->key_vaddr = runtime ? runtime + inspection->table.runtime_key : 0;
	else
		layout->key_vaddr = find_tls_key(inspection);
	if (!layout->key_vaddr ||
	    elf_file_read(inspection->file, layout->key_vaddr, &key, sizeof(key)))
		return "the key of its thread state cannot be found";
	layout->tstate_by = TSTATE_BY_PTHREAD_KEY;
	return NULL;
}

static uint64_t find_interpreters(const struct inspection *inspection)
{
	uint64_t runtime = vaddr_of(inspection, SYMBOL_RUNTIME);

	if (!runtime || inspection->table.runtime_interpreters == NO_OFFSET)
		return 0;
	return runtime + inspection->table.runtime_interpreters;
}

static uint64_t find_finalizing(const struct inspection *inspection)
{
	uint64_t runtime = vaddr_of(inspection, SYMBOL_RUNTIME);

	if (inspection->table.runtime_finalizing == NO_OFFSET)
		return vaddr_of(inspection, SYMBOL_FINALIZING);
	return runtime ? runtime + inspection->table.runtime_finalizing : 0;
}

static void find_ends(const struct inspection *inspection, struct interpreter *result)
{
	const struct runtime_enders enders = {
		.finalize = inspection->symbols[SYMBOL_FINALIZE],
		.exit = inspection->symbols[SYMBOL_EXIT],
		.run_main = inspection->symbols[SYMBOL_RUN_MAIN],
	};

	runtime_ends_find(inspection->file, &enders, result->layout.version, &result->ends);
}

/* At least two functions must answer, and all that answer must agree. */
static uint64_t decode_dict_version(const struct inspection *inspection)
{
	struct code_scan scan;
	uint64_t answer = 0, first = 0;
	bool is_confirmed = false;

	for (int i = SYMBOL_FIRST_DICT; i <= SYMBOL_LAST_DICT; i++) {
		uint64_t vaddr = scan_function(inspection, i, &scan)
					 ? 0
					 : code_scan_dict_version(&scan);

		if (!vaddr)
			continue;
		if (answer && vaddr != answer)
			return 0;
		if (!answer)
			first = scan.vaddr;
		is_confirmed |= first != scan.vaddr;
		answer = vaddr;
	}
	return is_confirmed ? answer : 0;
}

static uint64_t find_generation(const struct inspection *inspection)
{
	uint16_t version = inspection->table.layout.version;
	struct code_scan scan;

	if (version >= VERSION(3, 13))
		return 0;
	if (version == VERSION(3, 12)) {
		if (vaddr_of(inspection, SYMBOL_CODE_VERSION))
			return vaddr_of(inspection, SYMBOL_CODE_VERSION);
		return scan_function(inspection, SYMBOL_CODE_NEW, &scan)
			       ? 0
			       : code_scan_code_version(&scan);
	}
	if (vaddr_of(inspection, SYMBOL_DICT_VERSION_311))
		return vaddr_of(inspection, SYMBOL_DICT_VERSION_311);
	if (vaddr_of(inspection, SYMBOL_DICT_VERSION_310))
		return vaddr_of(inspection, SYMBOL_DICT_VERSION_310);
	return decode_dict_version(inspection);
}

static const char *fill_layout(struct inspection *inspection, struct interpreter *result)
{
	const char *reason = find_offsets(inspection, result);

	if (reason)
		return reason;
	/* --with-trace-refs, and --with-pydebug up to 3.7: two pointers more in each object. */
	if (vaddr_of(inspection, SYMBOL_TRACE_REFS))
		return "it was built with Py_TRACE_REFS";
	result->layout = inspection->table.layout;
	reason = find_thread_state(inspection, &result->layout);
	if (reason)
		return reason;
	c_library_find(inspection->file, &result->layout);
	result->layout.interpreters_vaddr = find_interpreters(inspection);
	result->layout.finalizing_vaddr = find_finalizing(inspection);
	find_ends(inspection, result);
	result->layout.generation_vaddr = find_generation(inspection);
	if (result->layout.version < VERSION(3, 10))
		result->layout.eval_vaddr = vaddr_of(inspection, SYMBOL_EVAL_FRAME);
	/* Not stated by 3.13's _Py_DebugOffsets, and elsewhere in a debug build. */
	if (result->layout.version == VERSION(3, 13) && vaddr_of(inspection, SYMBOL_REF_DEBUG))
		result->layout.interp_generation = NO_OFFSET;
	return result->text_bytes ? NULL : "it has no executable segment";
}

int interpreter_inspect_in(struct elf_file *file, enum interpreter_search search,
			   struct interpreter *ret)
{
	struct inspection inspection = { .file = file };
	struct interpreter result = { 0 };

	if (!find_symbols(&inspection, search))
		return elf_file_is_over(file) ? -E2BIG : -ENOENT;
	read_debug_offsets(&inspection);
	read_text_segment(&inspection, &result);
	result.version_hex = read_version(&inspection);
	format_version(result.version_hex, result.version, sizeof(result.version));
	result.reason = fill_layout(&inspection, &result);
	*ret = result;
	return result.reason ? -ENOTSUP : 0;
}

int interpreter_inspect_by(int fd, enum interpreter_search search, struct interpreter *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	int err = elf_file_open(fd, &file);

	if (err)
		return err == -ENOEXEC ? -ENOENT : err;
	return interpreter_inspect_in(file, search, ret);
}

int interpreter_inspect(int fd, struct interpreter *ret)
{
	return interpreter_inspect_by(fd, INTERPRETER_ANY, ret);
}

int interpreter_bias(const struct interpreter *interpreter, uint64_t start, uint64_t pgoff,
		     uint64_t *ret_bias)
{
	struct elf_segment text = {
		.vaddr = interpreter->text_vaddr,
		.offset = interpreter->text_offset,
		.file_bytes = interpreter->text_bytes,
	};

	return elf_file_bias(&text, start, pgoff, ret_bias);
}
