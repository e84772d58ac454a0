/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program with a Python inside: embed SCRIPT [ARG...] runs a script as __main__ and then, where
 * it defines from_c(), calls that from C with a number of MB: in the main thread, and in a thread
 * that Python did not make. Between these calls it takes 9 MB itself, in C. At its end it calls
 * finish().
 *
 * Declares what it needs of the C API itself, so that it can be linked with any version's libpython
 * without its headers.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

extern void Py_Initialize(void);
extern void Py_Finalize(void);
extern int PyRun_SimpleString(const char *text);
extern void *PyImport_AddModule(const char *name);
extern void *PyObject_CallMethod(void *object, const char *name, const char *format, ...);
extern int PyObject_HasAttrString(void *object, const char *name);
extern void *PyEval_SaveThread(void);
extern void PyEval_RestoreThread(void *state);
extern int PyGILState_Ensure(void);
extern void PyGILState_Release(int state);
extern void PyErr_Print(void);

static const char runner[] = "import sys, os\n"
			     "sys.argv = os.environ['EMBED_ARGUMENTS'].split('\\n')\n"
			     "sys.path.insert(0, os.path.dirname(sys.argv[0]))\n"
			     "with open(sys.argv[0]) as file:\n"
			     "    code = compile(file.read(), sys.argv[0], 'exec')\n"
			     "__file__ = sys.argv[0]\n"
			     "exec(code)\n";

static void call(const char *name, int megabytes)
{
	if (PyObject_CallMethod(PyImport_AddModule("__main__"), name, "i", megabytes))
		return;
	PyErr_Print();
	exit(3);
}

static void *run_thread(void *argument)
{
	int state = PyGILState_Ensure();

	call("from_c_thread", 6);
	PyGILState_Release(state);
	return argument;
}

static void take_in_c(size_t bytes)
{
	volatile char *block = malloc(bytes);

	if (!block)
		exit(5);
	for (size_t place = 0; place < bytes; place += 4096)
		block[place] = 1;
}

static void call_from_c(void)
{
	pthread_t thread;
	void *state;

	call("from_c", 4);
	take_in_c(9 << 20);
	state = PyEval_SaveThread();
	if (pthread_create(&thread, NULL, run_thread, NULL) || pthread_join(thread, NULL))
		exit(4);
	PyEval_RestoreThread(state);
	call("from_c", 3);
	call("finish", 0);
}

/* The script and its arguments, a line each, in the environment. */
static void pass_arguments(int argc, char **argv)
{
	static char text[65536];
	size_t length = 0;

	for (int i = 1; i < argc && length < sizeof(text); i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
					   i > 1 ? "\n" : "", argv[i]);
	setenv("EMBED_ARGUMENTS", text, 1);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	pass_arguments(argc, argv);
	Py_Initialize();
	if (PyRun_SimpleString(runner))
		return 1;
	if (PyObject_HasAttrString(PyImport_AddModule("__main__"), "from_c"))
		call_from_c();
	Py_Finalize();
	return 0;
}
