/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process's list of threads, which is bounded however many there were: the first MAX_THREADS as
 * they are, then those that have a name in common or differ in their numbers alone as one, then all
 * others. What still runs is an entry as long as there are fewer, and no other is added to it.
 */
#include <string.h>

#include <memprobe/wire_comm.h>

#include "memory.h"
#include "profile.h"
#include "profile_own.h"

void profile_append_thread(struct profile *profile, uint32_t index, const struct thread *thread)
{
	struct process *process = &profile->processes[index];

	process->threads = array_reserve(process->threads, &process->threads_capacity,
					 process->nr_threads + 1, sizeof(*process->threads));
	process->threads[process->nr_threads++] = *thread;
	process->is_dirty = true;
}

/* Most processes never have so many that the table is needed. */
static void index_threads(struct process *process)
{
	for (size_t i = process->thread_ids.count ? process->nr_threads : 0;
	     i < process->nr_threads; i++) {
		if (process->threads[i].end_ns)
			hash_table_put(&process->thread_ids, process->threads[i].name, (uint32_t)i);
	}
}

/* Adds to the newest entry of that name. */
static bool fold_thread(struct process *process, uint32_t name, const struct thread *thread)
{
	struct thread *same;
	uint32_t index;

	if (!hash_table_get(&process->thread_ids, name, &index))
		return false;
	same = &process->threads[index];
	same->growth += thread->growth;
	same->end_ns = thread->end_ns;
	process->is_dirty = true;
	return true;
}

/* `Thread-N` of `Thread-17`. */
static uint32_t pattern_of(struct profile *profile, uint32_t name)
{
	const char *text = profile_string(profile, name);
	uint64_t words[2] = { 0 }, pattern[2];

	if (strlen(text) > sizeof(words))
		return name;
	memcpy(words, text, strlen(text));
	for (uint32_t word = 0; word < ARRAY_SIZE(words); word++)
		pattern[word] = comm_pattern(words[0], words[1], word);
	return string_pool_add_bytes(&profile->strings, (const char *)pattern, sizeof(pattern));
}

static uint32_t others(struct profile *profile)
{
	const uint64_t name = COMM_OTHERS;

	return string_pool_add_bytes(&profile->strings, (const char *)&name, sizeof(name));
}

static struct thread *find_running(const struct process *process, uint32_t tid, uint64_t start_ns)
{
	for (size_t i = 0; i < process->nr_threads; i++) {
		struct thread *thread = &process->threads[i];

		if (thread->tid == tid && !thread->end_ns && thread->start_ns == start_ns)
			return thread;
	}
	return NULL;
}

const struct thread *profile_find_thread(const struct profile *profile, uint32_t index,
					 uint32_t tid, uint64_t start_ns)
{
	return find_running(&profile->processes[index], tid, start_ns);
}

/* The thread's own entry, if it had one while it ran. */
static bool replace_running(struct process *process, const struct thread *thread)
{
	struct thread *running = find_running(process, thread->tid, thread->start_ns);

	if (!running)
		return false;
	*running = *thread;
	process->is_dirty = true;
	return true;
}

void profile_note_thread(struct profile *profile, uint32_t index, const struct thread *thread)
{
	struct process *process = &profile->processes[index];

	if (!replace_running(process, thread) && process->nr_threads < MAX_THREADS)
		profile_append_thread(profile, index, thread);
}

void profile_end_threads(struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++) {
		struct process *process = &profile->processes[i];

		for (size_t j = 0; j < process->nr_threads; j++) {
			if (!process->threads[j].end_ns)
				process->threads[j].end_ns = profile_end_ns(profile, process);
		}
	}
}

void profile_add_thread(struct profile *profile, uint32_t index, const struct thread *thread)
{
	struct process *process = &profile->processes[index];
	struct thread folded = *thread;

	if (process->nr_threads < MAX_THREADS) {
		profile_append_thread(profile, index, thread);
		return;
	}
	index_threads(process);
	if (fold_thread(process, thread->name, thread))
		return;
	folded.name = pattern_of(profile, thread->name);
	if (fold_thread(process, folded.name, thread))
		return;
	if (process->nr_threads >= MAX_THREADS + MAX_THREAD_PATTERNS) {
		folded.name = others(profile);
		if (fold_thread(process, folded.name, thread))
			return;
	}
	hash_table_put(&process->thread_ids, folded.name, (uint32_t)process->nr_threads);
	profile_append_thread(profile, index, &folded);
}

void profile_end_thread(struct profile *profile, uint32_t index, const struct thread *thread)
{
	if (!replace_running(&profile->processes[index], thread))
		profile_add_thread(profile, index, thread);
}
