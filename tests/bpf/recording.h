/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording: the memory of a Python that stands still, as record_python.c writes it and
 * test_recorded.c reads it, in the machine's byte order. A head, then pages: the address of each,
 * then its bytes unless all of them are 0.
 */
#ifndef MEMPROBE_RECORDING_H
#define MEMPROBE_RECORDING_H

#include <memprobe/wire.h>

#define RECORDING_MAGIC 0x31676e6964726f63ULL
#define RECORDING_PAGE 4096
#define RECORDING_ZEROES 1 /* set in the address of a page of zeroes, which has no bytes */
#define RECORDING_THREADS 4

struct recording_head {
	__u64 magic;
	__u64 bias;
	__u64 nr_pages;
	__u64 nr_threads;
	__u64 fsbases[RECORDING_THREADS]; /* the main thread's first */
	struct wire_layout layout;
};

/* What is recorded: two threads, both in stop(), neither with the GIL. One byte a stop comes out.
 */
static const char recording_program[] = "import os, threading\n"
					"def stop(write=os.write, read=os.read):\n"
					"    write(1, b'!')\n"
					"    read(0, 1)\n"
					"def inner(n):\n"
					"    return inner(n - 1) if n else stop()\n"
					"class Class:\n"
					"    def method(self):\n"
					"        return inner(60)\n"
					"exec('def gr\\xf6sse():\\n    return Class().method()')\n"
					"def outer():\n"
					"    return globals()['gr\\xf6sse']()\n"
					"def generate():\n"
					"    yield stop()\n"
					"def work():\n"
					"    return list(generate())\n"
					"threading.Thread(target=work).start()\n"
					"outer()\n";

#define RECORDING_STOPS 2
#define RECORDING_OUTER_LINE 11

#endif
