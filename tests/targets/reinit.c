/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that begins and ends its Python four times, each time taking 5 MB in take(). Between
 * two of them another library makes a pthread key, which is the one that Python has just given up,
 * and sets it. Declares what it needs of the C API itself (embed.c).
 */
#include <pthread.h>

#define ROUNDS 4

extern void Py_Initialize(void);
extern void Py_Finalize(void);
extern int PyRun_SimpleString(const char *text);

static const char script[] = "import mmap\n"
			     "def take():\n"
			     "    block = mmap.mmap(-1, 5 << 20, mmap.MAP_PRIVATE)\n"
			     "    for place in range(0, 5 << 20, 4096):\n"
			     "        block[place] = 1\n"
			     "    return block\n"
			     "kept = take()\n";

int main(void)
{
	static const char value[4096] = "another library's value";
	pthread_key_t key;

	for (int round = 0; round < ROUNDS; round++) {
		Py_Initialize();
		if (PyRun_SimpleString(script))
			return 1;
		Py_Finalize();
		if (pthread_key_create(&key, NULL) || pthread_setspecific(key, value))
			return 2;
	}
	return 0;
}
