/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does this C library keep pthread_setspecific()'s values where memprobe looks for them?
 * pthread_slots FIRST_BLOCK BLOCKS SELF BLOCK_KEYS SLOT_BYTES, as in struct wire_slots: checks keys
 * below and above a block in two threads, and where pthread_self() is. Exits 0 for yes.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#define NR_KEYS 80
#define NO_FIRST_BLOCK 0x7fff

static pthread_key_t keys[NR_KEYS];
static long first_block, blocks;
static unsigned long self, block_keys, slot_bytes;

static uintptr_t thread_pointer(void)
{
#ifdef __aarch64__
	return (uintptr_t)__builtin_thread_pointer();
#else
	uintptr_t address;

	__asm__("mov %%fs:0, %0" : "=r"(address));
	return address;
#endif
}

static uintptr_t load(uintptr_t address)
{
	return *(const uintptr_t *)address;
}

static uintptr_t read_slot(unsigned long key)
{
	uintptr_t block = thread_pointer() + first_block;

	if (first_block == NO_FIRST_BLOCK || key >= block_keys)
		block = load(thread_pointer() + blocks + 8 * (key / block_keys));
	return load(block + slot_bytes * (key % block_keys) + slot_bytes - 8);
}

static void *check(void *argument)
{
	if ((uintptr_t)pthread_self() != thread_pointer() - self)
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

	if (argc != 6)
		return 4;
	first_block = strtol(argv[1], NULL, 10);
	blocks = strtol(argv[2], NULL, 10);
	self = strtoul(argv[3], NULL, 10);
	block_keys = strtoul(argv[4], NULL, 10);
	slot_bytes = strtoul(argv[5], NULL, 10);
	for (int i = 0; i < NR_KEYS; i++)
		if (pthread_key_create(&keys[i], NULL))
			return 5;
	check(NULL);
	return pthread_create(&thread, NULL, check, NULL) || pthread_join(thread, NULL) ? 6 : 0;
}
