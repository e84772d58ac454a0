/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inspection of a file under arbitrary bytes. An input is a byte of options, the version that
 * probes are looked for, and the file; it may have a hole of 1 MB behind it. Whatever it holds, an
 * answer is one of those that are promised, and no allocation is larger than the largest table.
 */
#include "fuzz_target.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_builder.h"
#include "elf_file.h"
#include "interpreter.h"
#include "malloc_plan.h"
#include "memory.h"
#include "offset_table.h"
#include "probe_plan.h"
#include "queue_plan.h"

#define HEAD_BYTES 2
#define OPTION_EXPORTED 1
#define OPTION_HOLE 2
#define OPTION_JIT 4
#define OPTION_FREE_THREADED 8
#define OPTION_ARM64 16
#define HOLE_BYTES (1 << 20)

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "max_allocation_size_mb=66:quarantine_size_mb=1:thread_local_quarantine_size_kb=64:"
	       "malloc_context_size=3";
}

static void expect(bool is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "fuzz_elf: %s\n", what);
	abort();
}

/* One file for all inputs. */
static int file_of(const uint8_t *bytes, size_t size, bool has_hole)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz_elf", MFD_CLOEXEC);
	expect(!ftruncate(fd, (off_t)size) && pwrite(fd, bytes, size, 0) == (ssize_t)size,
	       "cannot write the file");
	expect(!has_hole || !ftruncate(fd, (off_t)size + HOLE_BYTES), "cannot make the hole");
	return fd;
}

static void check_interpreter(const struct interpreter *interpreter, int status)
{
	struct wire_layout layout = interpreter->layout;
	uint64_t bias;

	expect(status == 0 || status == -ENOENT || status == -E2BIG || status == -ENOTSUP ||
		       status == -EIO,
	       "an error that is not promised");
	expect((status == -ENOTSUP) == (interpreter->reason != NULL), "a reason without need");
	expect(status || (interpreter->text_bytes && layout.tstate_by && *interpreter->version),
	       "an interpreter without what it needs");
	expect(strnlen(interpreter->version, sizeof(interpreter->version)) <
		       sizeof(interpreter->version),
	       "a version without end");
	offset_table_measure(&layout);
	expect(layout.frame_bytes <= INT16_MAX + 9 && layout.code_bytes <= INT16_MAX + 9,
	       "an offset out of its range");
	(void)interpreter_bias(interpreter, 0x7f0000000000, 0, &bias);
}

static void check_plan(const struct probe_plan *plan, int status)
{
	expect(status <= 0, "an error above 0");
	if (status && status != -ENOENT)
		return;
	expect((status == 0) == (plan->reason == NULL) && (status == 0) == (plan->nr_sites != 0),
	       "a plan with a reason, or none without one");
	expect(plan->nr_sites <= MAX_PROBE_SITES, "too many sites");
	expect(strnlen(plan->what, sizeof(plan->what)) < sizeof(plan->what), "a text without end");
}

static void check_malloc(struct elf_file *file)
{
	struct malloc_plan plan = { 0 };
	int status = malloc_plan_find_in(file, &plan);

	expect(status <= 0, "an error above 0");
	expect((status == 0) == (plan.nr_sites != 0), "sites without a plan, or none with one");
	expect(status || !plan.reason, "a plan with a reason");
	expect(plan.nr_sites <= MAX_MALLOC_SITES, "too many sites");
	for (size_t i = 0; i < plan.nr_sites; i++)
		expect(plan.sites[i].call && plan.sites[i].call < NR_ALLOC_CALLS, "no such call");
}

static void check_queues(struct elf_file *file)
{
	struct queue_plan plan = { 0 };

	queue_plan_find_in(file, &plan);
	expect(plan.nr_sites <= MAX_QUEUE_SITES, "too many sites");
	for (size_t i = 0; i < plan.nr_sites; i++)
		expect(plan.sites[i].call && plan.sites[i].call < NR_QUEUE_CALLS, "no such call");
}

static void count_text(int64_t tag, const char *text, void *context)
{
	*(size_t *)context += strlen(text);
}

static void read_needs(struct elf_file *file)
{
	size_t bytes = 0;

	elf_file_visit_dynamic(file, count_text, &bytes);
	expect(bytes <= 4096UL * ELF_MAX_TEXT_BYTES, "more texts than entries");
}

/* Each with a budget of its own, as where they open the file. */
static void with_file(int fd, uint16_t machine, void (*check)(struct elf_file *file))
{
	struct elf_file *file = NULL;

	if (elf_file_open_for(fd, machine, &file))
		return;
	check(file);
	elf_file_free(file);
}

static void check_python(int fd, uint16_t machine, uint8_t options, uint8_t minor)
{
	struct interpreter interpreter = { 0 };
	struct elf_file *file = NULL;
	struct probe_plan plan = { 0 };
	int status = elf_file_open_for(fd, machine, &file);

	expect(!status || status == -ENOEXEC || status == -EIO, "an error that is not promised");
	if (status)
		return;
	status = interpreter_inspect_in(
		file, options & OPTION_EXPORTED ? INTERPRETER_EXPORTED : INTERPRETER_ANY,
		&interpreter);
	elf_file_free(file);
	check_interpreter(&interpreter, status);
	/* The rules of a version, whatever the file says of its own. */
	interpreter.reason = NULL;
	interpreter.version_hex = 0x03000000 | (uint32_t)minor << 16;
	interpreter.layout.free_threaded = !!(options & OPTION_FREE_THREADED);
	expect(!elf_file_open_for(fd, machine, &file), "a file that cannot be opened twice");
	status = probe_plan_find_in(file, &interpreter, options & OPTION_JIT, &plan);
	elf_file_free(file);
	check_plan(&plan, status);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	uint16_t machine;
	uint8_t options;
	int fd;

	if (size < HEAD_BYTES)
		return 0;
	options = bytes[0];
	machine = options & OPTION_ARM64 ? EM_AARCH64 : EM_X86_64;
	fd = file_of(bytes + HEAD_BYTES, size - HEAD_BYTES, options & OPTION_HOLE);
	check_python(fd, machine, options, bytes[1]);
	with_file(fd, machine, check_malloc);
	with_file(fd, machine, check_queues);
	with_file(fd, machine, read_needs);
	return 0;
}

/* One of each version, for each machine. */
uint8_t *fuzz_seed(unsigned int number, size_t *ret_size)
{
	bool is_arm64 = number % 2;
	struct elf_built built;
	uint8_t *input;

	if (number / 2 >= ELF_BUILT_NR_MINORS)
		return NULL;
	elf_build_for(&built, ELF_BUILT_FIRST_MINOR + number / 2,
		      is_arm64 ? EM_AARCH64 : EM_X86_64);
	input = xcalloc(1, HEAD_BYTES + sizeof(built.bytes));
	input[0] = is_arm64 ? OPTION_ARM64 : 0;
	input[1] = (uint8_t)built.minor;
	memcpy(input + HEAD_BYTES, built.bytes, sizeof(built.bytes));
	*ret_size = HEAD_BYTES + sizeof(built.bytes);
	return input;
}
