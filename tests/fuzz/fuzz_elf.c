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

static void check_malloc(int fd)
{
	struct malloc_plan plan = { 0 };
	int status = malloc_plan_find(fd, &plan);

	expect(status <= 0, "an error above 0");
	expect((status == 0) == (plan.nr_sites != 0), "sites without a plan, or none with one");
	expect(status || !plan.reason, "a plan with a reason");
	expect(plan.nr_sites <= MAX_MALLOC_SITES, "too many sites");
	for (size_t i = 0; i < plan.nr_sites; i++)
		expect(plan.sites[i].call && plan.sites[i].call < NR_ALLOC_CALLS, "no such call");
}

static void check_queues(int fd)
{
	struct queue_plan plan = { 0 };
	int status = queue_plan_find(fd, &plan);

	expect(status <= 0, "an error above 0");
	expect(plan.nr_sites <= MAX_QUEUE_SITES && (!status || !plan.nr_sites), "too many sites");
	for (size_t i = 0; i < plan.nr_sites; i++)
		expect(plan.sites[i].call && plan.sites[i].call < NR_QUEUE_CALLS, "no such call");
}

static void count_text(int64_t tag, const char *text, void *context)
{
	*(size_t *)context += strlen(text);
}

static void read_needs(int fd)
{
	struct elf_file *file = NULL;
	size_t bytes = 0;

	if (elf_file_open(fd, &file))
		return;
	elf_file_visit_dynamic(file, count_text, &bytes);
	expect(bytes <= 4096UL * ELF_MAX_TEXT_BYTES, "more texts than entries");
	elf_file_free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct interpreter interpreter = { 0 };
	struct probe_plan plan = { 0 };
	uint8_t options;
	int fd, status;

	if (size < HEAD_BYTES)
		return 0;
	options = bytes[0];
	fd = file_of(bytes + HEAD_BYTES, size - HEAD_BYTES, options & OPTION_HOLE);
	status = interpreter_inspect_by(
		fd, options & OPTION_EXPORTED ? INTERPRETER_EXPORTED : INTERPRETER_ANY,
		&interpreter);
	check_interpreter(&interpreter, status);
	/* The rules of a version, whatever the file says of its own. */
	interpreter.reason = NULL;
	interpreter.version_hex = 0x03000000 | (uint32_t)bytes[1] << 16;
	interpreter.layout.free_threaded = !!(options & OPTION_FREE_THREADED);
	status = probe_plan_find(fd, &interpreter, options & OPTION_JIT, &plan);
	check_plan(&plan, status);
	check_malloc(fd);
	check_queues(fd);
	read_needs(fd);
	return 0;
}

/* One of each version. */
uint8_t *fuzz_seed(unsigned int number, size_t *ret_size)
{
	struct elf_built built;
	uint8_t *input;

	if (number >= ELF_BUILT_NR_MINORS)
		return NULL;
	elf_build(&built, ELF_BUILT_FIRST_MINOR + number);
	input = xcalloc(1, HEAD_BYTES + sizeof(built.bytes));
	input[1] = (uint8_t)built.minor;
	memcpy(input + HEAD_BYTES, built.bytes, sizeof(built.bytes));
	*ret_size = HEAD_BYTES + sizeof(built.bytes);
	return input;
}
