/* SPDX-License-Identifier: BSD-2-Clause */
/* See calls_fixture.h. */
#include "calls_fixture.h"

#include "host/host.h"

struct python python;
struct task_struct *task;
bool is_by_ends;

static void open_fixture(enum session_kernel kernel, __u32 version)
{
	session_open(kernel);
	task = session_process(100, "python3");
	python_make(&python, version);
	python.layout.calls_by_ends = is_by_ends ? CALLS_AT_DEATHS : CALLS_AT_STARTS;
	python.layout.code_watched = 1;
	python.layout.has_unseen_frames = version >= PYTHON_3_15 && !is_by_ends;
	python_attach_thread(&python, task);
	session_set_python(task->mm, &python.layout, python.bias);
	python_call(&python, python_code(&python, "/srv/app.py", "<module>"));
}

void on_each(void (*check)(void))
{
	for (int kernel = 0; kernel < NR_SESSION_WAYS; kernel++)
		for (size_t i = 0; i < python_nr_versions; i++)
			for (int ends = 0; ends < 2; ends++) {
				is_by_ends = ends;
				open_fixture(kernel, python_versions[i]);
				check();
				session_check();
				session_close();
			}
}

__u64 function(const char *name)
{
	return python_code(&python, "/srv/app.py", name);
}
