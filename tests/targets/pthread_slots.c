/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does this C library keep pthread_setspecific()'s values where memprobe looks for them?
 * pthread_slots FIRST_BLOCK BLOCKS BLOCK_KEYS SLOT_BYTES, as in struct wire_slots: checks keys
 * below and above a block in two threads, and that the thread pointer is pthread_self(). Exits 0
 * for yes.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#define NR_KEYS 80
#define NO_OFFSET 0xffff

static pthread_key_t keys[NR_KEYS];
static unsigned long first_block, blocks, block_keys, slot_bytes;

static uintptr_t thread_pointer(void)
{
	uintptr_t address;

	__asm__("mov %%fs:0, %0" : "=r"(address));
	return address;
}

static uintptr_t load(uintptr_t address)
{
	return *(const uintptr_t *)address;
}

static uintptr_t read_slot(unsigned long key)
{
	uintptr_t block = thread_pointer() + first_block;

	if (first_block == NO_OFFSET || key >= block_keys)
		block = load(thread_pointer() + blocks + 8 * (key / block_keys));
	return load(block + slot_bytes * (key % block_keys) + slot_bytes - 8);
}

static void *check(void *argument)
{
	if ((uintptr_t)pthread_self() != thread_pointer())
		exit(2);
	for (uintptr_t i = 0; i < NR_KEYS; i++)
		if (pthread_setspecific(keys[i], (void *)(0x1000 + i)))
			exit(3);
	for (uintptr_t i = 0; i < NR_KEYS; i++)
		if (read_slot(keys[i]) != 0x1000 + i)
			exit(1);
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 5)
		return 4;
	first_block = strtoul(argv[1], NULL, 10);
	blocks = strtoul(argv[2], NULL, 10);
	block_keys = strtoul(argv[3], NULL, 10);
	slot_bytes = strtoul(argv[4], NULL, 10);
	for (int i = 0; i < NR_KEYS; i++)
		if (pthread_key_create(&keys[i], NULL))
			return 5;
	check(NULL);
	return pthread_create(&thread, NULL, check, NULL) || pthread_join(thread, NULL) ? 6 : 0;
}
