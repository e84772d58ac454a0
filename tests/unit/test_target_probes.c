/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe_plan_find on every CPython of this machine and on damaged copies. What is missing is
 * skipped. Whether a hit is a call is for the end-to-end tests.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "interpreter.h"
#include "elf_file.h"
#include "memory.h"
#include "probe_insn.h"
#include "probe_plan.h"
#include "usdt_note.h"

/* A copy that tests may damage: `bytes` shows what fd holds. */
struct copy {
	int fd;
	unsigned char *bytes;
	size_t size;
	struct interpreter interpreter;
};

static void copy_open(const char *path, struct copy *ret)
{
	_cleanup_(closep) int from = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	assert_true(from >= 0);
	assert_int_equal(fstat(from, &status), 0);
	*ret = (struct copy){ .fd = memfd_create("copy", MFD_CLOEXEC),
			      .size = (size_t)status.st_size };
	assert_int_equal(ftruncate(ret->fd, status.st_size), 0);
	ret->bytes = mmap(NULL, ret->size, PROT_READ | PROT_WRITE, MAP_SHARED, ret->fd, 0);
	assert_true(ret->bytes != MAP_FAILED);
	for (size_t done = 0; done < ret->size;) {
		ssize_t got = read(from, ret->bytes + done, ret->size - done);

		assert_true(got > 0);
		done += (size_t)got;
	}
}

static void copy_close(struct copy *copy)
{
	munmap(copy->bytes, copy->size);
	close(copy->fd);
}

static int find(struct copy *copy, struct probe_plan *ret)
{
	return probe_plan_find(copy->fd, &copy->interpreter, false, ret);
}

static bool contains(const struct copy *copy, const void *wanted, size_t size)
{
	return memmem(copy->bytes, copy->size, wanted, size);
}

/* Calls fn for each interpreter; returns how many there were. */
static size_t for_each(const char *pattern, void (*fn)(struct copy *copy))
{
	const char *home = getenv("HOME");
	_cleanup_(freep) char *full = *pattern == '/'
					      ? xstrdup(pattern)
					      : xasprintf("%s/%s", home ? home : "/root", pattern);
	glob_t found = { 0 };
	size_t count = 0;

	if (glob(full, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++) {
			struct copy copy;

			copy_open(found.gl_pathv[i], &copy);
			if (interpreter_inspect(copy.fd, &copy.interpreter) != -ENOENT) {
				print_message("%s\n", found.gl_pathv[i]);
				fn(&copy);
				count++;
			}
			copy_close(&copy);
		}
	globfree(&found);
	return count;
}

static const char *const everywhere[] = {
	"/usr/bin/python3.[6-9]",
	"/usr/bin/python3.[1-9][0-9]",
	".pyenv/versions/*/lib/libpython[23].*.so.1.0",
	".pyenv/versions/*/bin/python3.*[0-9]",
	".cache/memprobe/interpreters/*/usr/bin/python3.*[0-9]",
	".cache/memprobe/interpreters/*/usr/lib/" ELF_MACHINE_NAME "-linux-gnu/libpython3.*.so.1.0",
};

static size_t for_all(void (*fn)(struct copy *copy))
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(everywhere); i++)
		count += for_each(everywhere[i], fn);
	return count;
}

static const char entry_probe[] = "python\0function__entry";
static const char return_probe[] = "python\0function__return";
static const char clear_symbol[] = "\0_PyFrame_Clear";
static const char clear_code_symbol[] = "\0_PyFrame_ClearExceptCode";

/* What a plan should be, from the table in docs/design.md; NULL: none. */
static const char *expect(const struct copy *copy, enum probe_event *ret_event,
			  enum probe_frame *ret_frame)
{
	unsigned int version = copy->interpreter.version_hex >> 16;
	bool has_entry = contains(copy, entry_probe, sizeof(entry_probe));

	*ret_event = version <= 0x30a || version == 0x30f ? PROBE_ENTRIES : PROBE_DEATHS;
	*ret_frame = PROBE_FRAME_ARG2;
	if (version == 0x30b && contains(copy, return_probe, sizeof(return_probe))) {
		*ret_event = PROBE_RETURNS;
		*ret_frame = PROBE_FRAME_LEAF;
		return "USDT python:function__return";
	}
	if ((version <= 0x30a || version == 0x30f) && has_entry) {
		*ret_frame = PROBE_FRAME_LEAF;
		return "USDT python:function__entry";
	}
	if (version <= 0x308)
		*ret_frame = PROBE_FRAME_ARG1;
	if (version <= 0x30a)
		return "uprobe _PyEval_EvalFrameDefault";
	if (version <= 0x30c)
		*ret_frame = PROBE_FRAME_ARG1;
	if (version == 0x30b)
		return contains(copy, clear_symbol, sizeof(clear_symbol)) ? "uprobe _PyFrame_Clear"
									  : NULL;
	if (version == 0x30c)
		return contains(copy, clear_code_symbol, sizeof(clear_code_symbol))
			       ? "uprobe _PyFrame_ClearExceptCode"
			       : NULL;
	return version <= 0x30e ? "uprobe _PyEval_FrameClearAndPop" : NULL;
}

/* A second opinion on probe_insn.c. */
static bool is_allowed(const unsigned char *bytes, bool is_usdt)
{
	static const unsigned char nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };

	bool is_jump = (bytes[0] & 0xf0) == 0x70 || (bytes[0] == 0x0f && (bytes[1] & 0xf0) == 0x80);

	if (is_usdt)
		return bytes[0] == 0x90 || is_jump;
	return bytes[0] == 0x90 || bytes[0] == 0xe8 || bytes[0] == 0xe9 || bytes[0] == 0xeb ||
	       (bytes[0] >= 0x50 && bytes[0] <= 0x57) ||
	       (bytes[0] == 0x41 && bytes[1] >= 0x50 && bytes[1] <= 0x57) ||
	       !memcmp(bytes, nop5, sizeof(nop5));
}

static void check_sites(const struct copy *copy, const struct probe_plan *plan)
{
	const struct interpreter *interpreter = &copy->interpreter;
	bool is_usdt = plan->method == PROBE_BY_USDT;

	assert_in_range(plan->nr_sites, 1, is_usdt ? MAX_PROBE_SITES : 1);
	for (size_t i = 0; i < plan->nr_sites; i++) {
		const struct probe_site *site = &plan->sites[i];

		assert_true(site->offset >= interpreter->text_offset);
		assert_true(site->offset - interpreter->text_offset < interpreter->text_bytes);
		assert_true(is_allowed(copy->bytes + site->offset, is_usdt));
		assert_true(is_usdt || !site->semaphore);
		assert_true(site->semaphore <= copy->size - sizeof(uint16_t));
		if (is_usdt)
			assert_int_equal(!site->semaphore, copy->bytes[site->offset] != 0x90);
		if (site->semaphore)
			assert_memory_equal(copy->bytes + site->semaphore, "\0\0", 2);
	}
}

static void check_plan(struct copy *copy)
{
	struct probe_plan plan;
	enum probe_event event;
	enum probe_frame frame;
	const char *what = copy->interpreter.reason ? NULL : expect(copy, &event, &frame);
	int status = find(copy, &plan);

	print_message("  %s: %s, %zu sites at 0x%llx\n", copy->interpreter.version,
		      status ? plan.reason : plan.what, plan.nr_sites,
		      (unsigned long long)plan.sites[0].offset);
	if (!what) {
		assert_int_equal(status, -ENOENT);
		assert_non_null(plan.reason);
		assert_int_equal(plan.nr_sites, 0);
		return;
	}
	assert_int_equal(status, 0);
	assert_null(plan.reason);
	assert_int_equal(strncmp(plan.what, what, strlen(what)), 0);
	assert_int_equal(plan.method, *what == 'U' ? PROBE_BY_USDT : PROBE_BY_UPROBE);
	assert_int_equal(plan.event, event);
	assert_int_equal(plan.frame, frame);
	check_sites(copy, &plan);
}

static void test_all_interpreters(void **state)
{
	if (!for_all(check_plan))
		skip();
}

/* The section header with this name, in the copy. */
static Elf64_Shdr *section_of(const struct copy *copy, const char *name)
{
	const Elf64_Ehdr *header = (const void *)copy->bytes;
	Elf64_Shdr *sections = (void *)(copy->bytes + header->e_shoff);
	const char *names = (const char *)copy->bytes + sections[header->e_shstrndx].sh_offset;

	for (size_t i = 0; i < header->e_shnum; i++)
		if (!strcmp(names + sections[i].sh_name, name))
			return &sections[i];
	return NULL;
}

/* What a note describes; notes are aligned to 4 bytes only. */
struct addresses {
	uint64_t location, base, semaphore;
} __attribute__((packed));

/* Those of the probe that the plan took. */
static struct addresses *addresses_of(const struct copy *copy, const struct probe_plan *plan)
{
	bool is_return = plan->event == PROBE_RETURNS;
	unsigned char *strings = memmem(copy->bytes, copy->size,
					is_return ? return_probe : entry_probe,
					is_return ? sizeof(return_probe) : sizeof(entry_probe));

	assert_non_null(strings);
	return (struct addresses *)(strings - sizeof(struct addresses));
}

/* One interpreter with a single USDT site is enough for each test that damages one. */
static void (*damage)(struct copy *copy, const struct probe_plan *plan);
static bool is_damaged;

/* Makes a test of the semaphore something else, so that the probe itself must do. */
static void spoil_test(struct copy *copy, const struct probe_plan *plan)
{
	unsigned char *jump = copy->bytes + plan->sites[0].offset;

	for (size_t i = 8; i < 32; i++) {
		if (memcmp(jump - i, "\x66\x83\x3d", 3))
			continue;
		jump[-(ptrdiff_t)i] = 0x90;
		return;
	}
	fail_msg("no comparison before the jump");
}

static void damage_first(struct copy *copy)
{
	struct probe_plan plan;

	if (is_damaged || find(copy, &plan) || plan.method != PROBE_BY_USDT)
		return;
	if (!plan.sites[0].semaphore)
		spoil_test(copy, &plan);
	assert_int_equal(find(copy, &plan), 0);
	assert_true(plan.sites[0].semaphore);
	if (plan.nr_sites != 1)
		return;
	is_damaged = true;
	damage(copy, &plan);
}

static void with_usdt(void (*fn)(struct copy *copy, const struct probe_plan *plan))
{
	damage = fn;
	is_damaged = false;
	(void)for_all(damage_first);
	if (!is_damaged)
		skip();
}

#define CODE_BYTES 5

/* Five bytes of code, as a disassembler prints them. */
static void put_code(unsigned char *at, uint64_t code)
{
	for (size_t i = 0; i < CODE_BYTES; i++)
		at[i] = (unsigned char)(code >> 8 * (CODE_BYTES - 1 - i));
}

/* The USDT probe is refused, with this reason when the version has nothing else. */
static void check_refused(struct copy *copy, const char *word)
{
	struct probe_plan plan;
	int status = find(copy, &plan);

	if (!status)
		assert_int_equal(plan.method, PROBE_BY_UPROBE);
	else
		assert_non_null(strstr(plan.reason, word));
}

static void check_refusals(struct copy *copy, const struct probe_plan *plan)
{
	unsigned char *site = copy->bytes + plan->sites[0].offset;
	struct addresses *note = addresses_of(copy, plan), saved = *note;
	unsigned char code[PROBE_INSN_BYTES];

	memcpy(code, site, sizeof(code));
	put_code(site, 0x0f1f440000);
	check_refused(copy, "5-byte nop");
	put_code(site, 0xf30f1efa90);
	check_refused(copy, "single-step");
	memcpy(site, code, sizeof(code));

	note->semaphore = saved.location;
	check_refused(copy, "semaphore");
	note->semaphore = UINT64_MAX;
	check_refused(copy, "semaphore");
	note->semaphore = saved.semaphore;
	note->location = saved.semaphore;
	check_refused(copy, "outside");
	note->location = UINT64_MAX;
	check_refused(copy, "outside");
	note->location = saved.location;
	assert_int_equal(find(copy, &(struct probe_plan){ 0 }), 0);
}

static void test_refusals(void **state)
{
	with_usdt(check_refusals);
}

/* As if prelink had moved all sections, and notes of a probe without a semaphore. */
static void check_moved(struct copy *copy, const struct probe_plan *plan)
{
	struct addresses *note = addresses_of(copy, plan);
	struct probe_plan moved;

	note->location -= 0x12340;
	note->base -= 0x12340;
	note->semaphore -= 0x12340;
	assert_int_equal(find(copy, &moved), 0);
	assert_memory_equal(&moved, plan, sizeof(moved));
	note->semaphore = 0;
	assert_int_equal(find(copy, &moved), 0);
	assert_int_equal(moved.sites[0].offset, plan->sites[0].offset);
	assert_true(moved.sites[0].semaphore == 0);
}

static void test_moved(void **state)
{
	with_usdt(check_moved);
}

/* Each byte of the notes and of their section's header, set to values without sense. */
static void garble(struct copy *copy, unsigned char *bytes, size_t size)
{
	static const unsigned char values[] = { 0, 1, 0x7f, 0xff };
	struct probe_plan plan;

	for (size_t i = 0; i < size; i++) {
		unsigned char original = bytes[i];

		for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
			bytes[i] = values[j];
			if (!find(copy, &plan))
				assert_in_range(plan.nr_sites, 1, MAX_PROBE_SITES);
			else
				assert_non_null(plan.reason);
		}
		bytes[i] = original;
	}
}

static void check_garbled(struct copy *copy, const struct probe_plan *plan)
{
	Elf64_Shdr *notes = section_of(copy, USDT_NOTE_SECTION);
	struct probe_plan again;

	assert_non_null(notes);
	garble(copy, copy->bytes + notes->sh_offset, notes->sh_size);
	garble(copy, (unsigned char *)notes, sizeof(*notes));
	garble(copy, (unsigned char *)section_of(copy, USDT_BASE_SECTION), sizeof(*notes));
	assert_int_equal(find(copy, &again), 0);
	assert_memory_equal(&again, plan, sizeof(again));
	for (uint64_t whole = notes->sh_size; notes->sh_size; notes->sh_size--)
		assert_true(notes->sh_size <= whole && find(copy, &again) != -EINVAL);
}

static void test_garbled_notes(void **state)
{
	with_usdt(check_garbled);
}

/* A section of one probe, again and again: one site; of too many sites: none. */
static void check_repeated(struct copy *copy, const struct probe_plan *plan)
{
	unsigned char *note = (unsigned char *)addresses_of(copy, plan) - sizeof("stapsdt") -
			      sizeof(Elf64_Nhdr);
	Elf64_Shdr *notes = section_of(copy, USDT_NOTE_SECTION);
	const Elf64_Nhdr *header = (const void *)note;
	struct probe_plan found;
	unsigned char block[512];
	size_t size;

	assert_int_equal(header->n_namesz, sizeof("stapsdt"));
	size = sizeof(*header) + sizeof("stapsdt") + ((header->n_descsz + 3) & ~3U);
	assert_true(size <= sizeof(block));
	memcpy(block, note, size);
	/* The text is big enough to hold them; only the headers tell code from notes. */
	notes->sh_offset = copy->interpreter.text_offset + copy->interpreter.text_bytes / 4;
	notes->sh_offset &= ~3UL;
	notes->sh_size = (MAX_PROBE_SITES + 1) * size;
	for (size_t i = 0; i <= MAX_PROBE_SITES; i++)
		memcpy(copy->bytes + notes->sh_offset + i * size, block, size);
	assert_int_equal(find(copy, &found), 0);
	assert_int_equal(found.nr_sites, 1);
	for (size_t i = 0; i <= MAX_PROBE_SITES; i++) {
		unsigned char *repeated = copy->bytes + notes->sh_offset + i * size;

		repeated += sizeof(*header) + sizeof("stapsdt");
		((struct addresses *)repeated)->location += i;
		copy->bytes[plan->sites[0].offset + i] = 0x90;
	}
	check_refused(copy, "more USDT probes");
}

static void test_repeated_notes(void **state)
{
	with_usdt(check_repeated);
}

/* 3.11 and 3.12 with .symtab: what strip and link-time optimization take away. */
static bool is_apart_checked;

static void check_apart(struct copy *copy)
{
	Elf64_Shdr *symbols = section_of(copy, ".symtab");
	struct probe_plan plan;
	unsigned char *source;

	if (find(copy, &plan) || !strstr(plan.what, "_PyFrame_Clear"))
		return;
	is_apart_checked = true;
	symbols->sh_type = SHT_NULL;
	assert_int_equal(find(copy, &plan), -ENOENT);
	assert_non_null(strstr(plan.reason, "stripped"));
	symbols->sh_type = SHT_SYMTAB;
	for (size_t i = 0; i < 64; i++) {
		source = memmem(copy->bytes, copy->size, "\0pystate.c", sizeof("\0pystate.c"));
		if (source)
			source[1] = 'q';
	}
	assert_int_equal(find(copy, &plan), -ENOENT);
	assert_non_null(strstr(plan.reason, "link-time"));
}

static void test_symbols_only(void **state)
{
	is_apart_checked = false;
	(void)for_each(".pyenv/versions/3.1[12]*/lib/libpython3.*.so.1.0", check_apart);
	if (!is_apart_checked)
		skip();
}

/* A function that begins with something else. */
static bool is_function_checked;

static void check_function(struct copy *copy)
{
	unsigned char *site;
	struct probe_plan plan, other;

	if (is_function_checked || find(copy, &plan) || plan.method != PROBE_BY_UPROBE)
		return;
	is_function_checked = true;
	site = copy->bytes + plan.sites[0].offset;
	put_code(site, 0x0f1f440000);
	assert_int_equal(find(copy, &other), 0);
	assert_memory_equal(&other, &plan, sizeof(other));
	put_code(site, 0x4883ec0890);
	assert_int_equal(find(copy, &other), -ENOENT);
	assert_non_null(strstr(other.reason, "single-step"));
	put_code(site, 0xf30f1efa55);
	assert_int_equal(find(copy, &other), strchr(plan.what, '+') ? -ENOENT : 0);
	if (!strchr(plan.what, '+')) {
		assert_int_equal(other.sites[0].offset, plan.sites[0].offset + 4);
		assert_non_null(strstr(other.what, "+4"));
	}
}

static void test_function_start(void **state)
{
	is_function_checked = false;
	(void)for_all(check_function);
	if (!is_function_checked)
		skip();
}

/* BOLT puts what it has rearranged into an executable segment of its own. */
static size_t nr_bolted;

static void check_bolted(struct copy *copy)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)copy->bytes;
	Elf64_Phdr *segments = (Elf64_Phdr *)(copy->bytes + header->e_phoff);
	struct probe_plan plan, other;

	if (find(copy, &plan) || plan.event != PROBE_DEATHS)
		return;
	for (size_t i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD)
			segments[i].p_flags |= PF_X;
	assert_int_equal(find(copy, &other), -ENOENT);
	assert_int_equal(other.nr_sites, 0);
	assert_non_null(strstr(other.reason, "BOLT"));
	nr_bolted++;
}

static void test_bolted(void **state)
{
	nr_bolted = 0;
	(void)for_all(check_bolted);
	if (!nr_bolted)
		skip();
}

static void test_none(void **state)
{
	_cleanup_(closep) int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	_cleanup_(closep) int empty = memfd_create("empty", MFD_CLOEXEC);
	static const uint32_t versions[] = { 0x03060000, 0x03080000, 0x030a0000, 0x030b0000,
					     0x030c0000, 0x030d0000, 0x030f0000, 0x03100000,
					     0x02070000, 0 };
	struct interpreter interpreter = { 0 };
	struct probe_plan plan = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		interpreter.version_hex = versions[i];
		plan.reason = NULL;
		assert_int_equal(probe_plan_find(fd, &interpreter, false, &plan), -ENOENT);
		assert_non_null(plan.reason);
		assert_int_equal(probe_plan_find(empty, &interpreter, false, &plan), -ENOEXEC);
	}
	interpreter.reason = "it is damaged";
	assert_int_equal(probe_plan_find(fd, &interpreter, false, &plan), -ENOENT);
	assert_string_equal(plan.reason, "it is damaged");
}

static void test_instructions(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		enum probe_insn expected;
	} cases[] = {
		{ "\x90", 1, PROBE_INSN_EMULATED },
		{ "\x57", 1, PROBE_INSN_EMULATED },
		{ "\x58", 1, PROBE_INSN_STEPPED }, /* pop */
		{ "\x41\x57", 2, PROBE_INSN_EMULATED },
		{ "\x41\x58", 2, PROBE_INSN_STEPPED },
		{ "\x41", 1, PROBE_INSN_STEPPED },
		{ "\x48\x50", 2, PROBE_INSN_STEPPED },
		{ "\x66\x90", 2, PROBE_INSN_STEPPED },
		{ "\xe8\1\2\3\4", 5, PROBE_INSN_EMULATED },
		{ "\xe9\1\2\3\4", 5, PROBE_INSN_EMULATED },
		{ "\xe9\1\2\3", 4, PROBE_INSN_STEPPED },
		{ "\xeb\1", 2, PROBE_INSN_EMULATED },
		{ "\x75\1", 2, PROBE_INSN_EMULATED }, /* jne */
		{ "\x75", 1, PROBE_INSN_STEPPED },
		{ "\x0f\x84\1\2\3\4", 6, PROBE_INSN_EMULATED }, /* je */
		{ "\x0f\x84\1\2\3", 5, PROBE_INSN_STEPPED },
		{ "\x0f\x94\xc0", 3, PROBE_INSN_STEPPED }, /* sete */
		{ "\xff\xd0", 2, PROBE_INSN_STEPPED },	   /* call *%rax */
		{ "\xc3", 1, PROBE_INSN_STEPPED },
		{ "\x0f\x1f\x44\0\0", 5, PROBE_INSN_NOP5 },
		{ "\x0f\x1f\x44\0", 4, PROBE_INSN_STEPPED },
		{ "\x0f\x1f\x40\0\0", 5, PROBE_INSN_STEPPED },
		{ "\xf3\x0f\x1e\xfa", 4, PROBE_INSN_LANDING },
		{ "\xf3\x0f\x1e\xfb", 4, PROBE_INSN_STEPPED }, /* endbr32 */
		{ "", 0, PROBE_INSN_STEPPED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(probe_insn_classify(EM_X86_64, (const uint8_t *)cases[i].bytes,
						     cases[i].size),
				 cases[i].expected);
}

/* On exact allocations, for the address sanitizer. */
static void test_cut_notes(void **state)
{
	static const char text[] = "01234567abcdefghABCDEFGHpython\0function__entry\0"
				   "8@%rdi";
	struct elf_note note = { .owner = "stapsdt", .type = 3 };
	struct usdt_note parsed;

	for (size_t size = 0; size <= sizeof(text); size++) {
		_cleanup_(freep) char *bytes = size ? xmemdup(text, size) : xmalloc(1);
		/* Up to the NUL of the name; the arguments are not looked at. */
		int expected = size >= 3 * sizeof(uint64_t) + sizeof(entry_probe) ? 0 : -EINVAL;

		note.description = bytes;
		note.description_bytes = size;
		assert_int_equal(usdt_note_parse(&note, 0, &parsed), expected);
		if (!expected)
			assert_string_equal(parsed.name, "function__entry");
	}
	note.description = text;
	note.description_bytes = sizeof(text);
	note.type = 1;
	assert_int_equal(usdt_note_parse(&note, 0, &parsed), -EINVAL);
	note.type = 3;
	note.owner = "GNU";
	assert_int_equal(usdt_note_parse(&note, 0, &parsed), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_interpreters),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_garbled_notes),
		cmocka_unit_test(test_repeated_notes),
		cmocka_unit_test(test_symbols_only),
		cmocka_unit_test(test_function_start),
		cmocka_unit_test(test_bolted),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_cut_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
