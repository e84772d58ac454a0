/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings by their kind; see heap_account.h and proc(5). */
#include "heap_account.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "process_task.h"

#define LINE_BYTES 8192
#define MAX_STACKS 16384
#define KB 1024
#define MAX_KB (1ULL << 46)

/* ---- Stacks ---- */

/* The line is `running`, or the call, its arguments, the stack pointer and the program's counter;
 * `-1 SP PC` of a thread that is stopped elsewhere in the kernel. */
static bool find_pointer(const char *line, uint64_t *ret)
{
	const char *last = strrchr(line, ' '), *before = NULL;

	for (const char *at = line; last && at < last; at++)
		if (*at == ' ')
			before = at;
	return before && sscanf(before, " 0x%" SCNx64, ret) == 1;
}

static void add_stack(pid_t pid, const char *tid, struct heap_stacks *stacks)
{
	char path[64 + 256], line[512];
	uint64_t pointer;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/syscall", (int)pid, tid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(line, sizeof(line), file) && find_pointer(line, &pointer)) {
		stacks->tops = array_reserve(stacks->tops, &stacks->capacity, stacks->count + 1,
					     sizeof(*stacks->tops));
		stacks->tops[stacks->count++] = pointer;
	}
	fclose(file);
}

static void find_stacks(pid_t pid, struct heap_stacks *stacks)
{
	struct dirent *entry;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && stacks->count < MAX_STACKS && (entry = readdir(tasks)))
		if (entry->d_name[0] != '.')
			add_stack(pid, entry->d_name, stacks);
	if (tasks)
		closedir(tasks);
}

/* ---- Mappings ---- */

struct mapping {
	uint64_t start, end;
	bool is_shared, is_file, is_stack;
};

/* `START-END rwxp OFFSET DEV INODE PATH`; a field of the mapping before is `Name: ...`. */
static bool take_head(const char *line, const struct heap_stacks *stacks, struct mapping *ret)
{
	char rights[5], path[16] = "";
	uint64_t inode;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %" SCNu64 " %15s", &ret->start,
		   &ret->end, rights, &inode, path) < 4)
		return false;
	ret->is_shared = rights[3] == 's';
	ret->is_file = inode || !strncmp(path, "[vdso]", 6) || !strncmp(path, "[vvar", 5);
	ret->is_stack = !strcmp(path, "[stack]");
	for (size_t i = 0; i < stacks->count && !ret->is_stack && !ret->is_file; i++)
		ret->is_stack = stacks->tops[i] >= ret->start && stacks->tops[i] < ret->end &&
				strcmp(path, "[heap]") != 0;
	return true;
}

static void add_rss(const struct mapping *mapping, uint64_t bytes, struct heap_account *ret)
{
	ret->rss += bytes;
	if (mapping->is_shared)
		ret->shared += bytes;
	else if (mapping->is_stack)
		ret->stacks += bytes;
	else if (mapping->is_file)
		ret->files += bytes;
}

void heap_account_parse(FILE *smaps, const struct heap_stacks *stacks, struct heap_account *ret)
{
	_cleanup_(freep) char *line = xmalloc(LINE_BYTES);
	struct mapping mapping = { 0 };
	uint64_t kb;

	*ret = (struct heap_account){ 0 };
	while (fgets(line, LINE_BYTES, smaps)) {
		if (sscanf(line, "Rss: %" SCNu64, &kb) == 1)
			add_rss(&mapping, kb < MAX_KB ? kb * KB : 0, ret);
		else if (strchr("0123456789abcdef", line[0]))
			take_head(line, stacks, &mapping);
	}
}

int heap_account_read(pid_t pid, struct heap_account *ret)
{
	struct heap_stacks stacks = { 0 };
	char path[64];
	FILE *smaps;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)process_task(pid));
	smaps = fopen(path, "re");
	if (!smaps)
		return errno == ENOENT ? -ESRCH : -errno;
	find_stacks(pid, &stacks);
	heap_account_parse(smaps, &stacks, ret);
	fclose(smaps);
	free(stacks.tops);
	return 0;
}
