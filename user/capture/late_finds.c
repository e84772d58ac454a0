/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs by file, and images that began before theirs was looked at; see late_finds.h. */
#include "late_finds.h"

#include <string.h>

#include <memprobe/wire.h>

#include "hash_table.h"
#include "memory.h"
#include "user_loss.h"

/* Images of programs that nobody could look at are waited for as long as there are not more. */
#define MAX_SUSPECTS MAX_IMAGES

struct program {
	struct wire_file file;
	uint64_t looked_ns; /* 0: not yet */
	bool has_python;
};

struct suspect {
	uint32_t process;
	uint32_t program;
	bool has_ended, is_called_python;
};

struct late_finds {
	struct profile *profile;
	struct program *programs;
	size_t nr_programs, programs_capacity;
	struct hash_table program_ids; /* file to index */
	struct suspect suspects[MAX_SUSPECTS];
	size_t nr_suspects;
};

struct late_finds *late_finds_new(struct profile *profile)
{
	struct late_finds *finds = xcalloc(1, sizeof(*finds));

	finds->profile = profile;
	return finds;
}

void late_finds_free(struct late_finds *finds)
{
	if (!finds)
		return;
	free(finds->programs);
	hash_table_free(&finds->program_ids);
	free(finds);
}

static uint32_t find_program(struct late_finds *finds, const struct wire_file *file)
{
	const struct wire_file key = {
		.ino = file->ino,
		.dev = file->dev,
		.changed_ns = file->changed_ns,
	};
	uint64_t hash = hash_bytes(&key, sizeof(key), 0);
	uint32_t index;

	if (hash_table_get(&finds->program_ids, hash, &index))
		return index;
	index = (uint32_t)finds->nr_programs;
	finds->programs = array_reserve(finds->programs, &finds->programs_capacity,
					finds->nr_programs + 1, sizeof(*finds->programs));
	finds->programs[finds->nr_programs++] = (struct program){ .file = key };
	hash_table_put(&finds->program_ids, hash, index);
	return index;
}

static void count(struct process *process)
{
	struct loss_count *loss = &process->losses[LOSS_found_late];
	int64_t grown = process->peak - process->opening[KIND_FILE] - process->opening[KIND_ANON] -
			process->opening[KIND_SHMEM];

	loss->events = 1;
	loss->bytes = grown > 0 ? grown : 0;
	process->is_dirty = true;
}

/* Nobody waits for it any more. */
static void give_up(struct late_finds *finds, const struct suspect *suspect)
{
	const struct program *program = &finds->programs[suspect->program];
	struct process *process = &finds->profile->processes[suspect->process];

	if (process->python)
		return;
	if (program->looked_ns && program->has_python)
		count(process);
	else if (!program->looked_ns && suspect->is_called_python &&
		 !process->losses[LOSS_python_unanswered].events)
		user_loss_add(finds->profile, suspect->process, LOSS_python_unanswered, 1);
}

static void drop_first(struct late_finds *finds)
{
	give_up(finds, &finds->suspects[0]);
	memmove(finds->suspects, finds->suspects + 1,
		--finds->nr_suspects * sizeof(*finds->suspects));
}

bool late_finds_begin(struct late_finds *finds, uint32_t process, const struct wire_file *file,
		      uint64_t begun_ns)
{
	uint32_t index = find_program(finds, file);
	const struct program *program = &finds->programs[index];

	if (program->looked_ns && (!program->has_python || begun_ns >= program->looked_ns))
		return false;
	if (finds->nr_suspects == MAX_SUSPECTS)
		drop_first(finds);
	finds->suspects[finds->nr_suspects++] = (struct suspect){
		.process = process,
		.program = index,
	};
	return !program->looked_ns;
}

/* The latest of the process. */
static struct suspect *find_suspect(struct late_finds *finds, uint32_t process)
{
	for (size_t i = finds->nr_suspects; i-- > 0;) {
		if (finds->suspects[i].process == process)
			return &finds->suspects[i];
	}
	return NULL;
}

void late_finds_expect_python(struct late_finds *finds, uint32_t process)
{
	struct suspect *suspect = find_suspect(finds, process);

	if (suspect)
		suspect->is_called_python = true;
}

void late_finds_tell(struct late_finds *finds, const struct wire_file *file, bool has_python,
		     uint64_t now_ns)
{
	struct program *program = &finds->programs[find_program(finds, file)];

	program->looked_ns = now_ns;
	program->has_python = has_python;
}

void late_finds_end(struct late_finds *finds, uint32_t process)
{
	struct suspect *suspect = find_suspect(finds, process);

	if (suspect)
		suspect->has_ended = true;
}

/* Returns whether there is more to be learned of it. */
static bool settle(struct late_finds *finds, const struct suspect *suspect)
{
	const struct program *program = &finds->programs[suspect->program];
	struct process *process = &finds->profile->processes[suspect->process];

	if (process->python || (program->looked_ns && !program->has_python))
		return false;
	if (!suspect->has_ended || !program->looked_ns)
		return true;
	count(process);
	return false;
}

void late_finds_settle(struct late_finds *finds)
{
	size_t kept = 0;

	for (size_t i = 0; i < finds->nr_suspects; i++) {
		if (settle(finds, &finds->suspects[i]))
			finds->suspects[kept++] = finds->suspects[i];
	}
	finds->nr_suspects = kept;
}

void late_finds_give_up(struct late_finds *finds)
{
	for (size_t i = 0; i < finds->nr_suspects; i++)
		give_up(finds, &finds->suspects[i]);
	finds->nr_suspects = 0;
}
