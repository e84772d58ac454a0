/* SPDX-License-Identifier: BSD-2-Clause */
/* One function a cause; see preflight.h. */
#include "preflight.h"

#include <unistd.h>

#include "command_refuse.h"
#include "command_search.h"
#include "log.h"
#include "requirements.h"
#include "capture_options.h"

static int check_rights(void)
{
	const char *missing = requirement_missing(REQUIREMENT_LOAD);

	if (*missing) {
		log_error("cannot load 'BPF programs': without %s", missing);
		log_hint(REQUIREMENT_HINT_LOAD);
		return EXIT_FAILURE_OWN;
	}
	if (!requirement_has_host_users()) {
		log_error("cannot load 'BPF programs': memprobe runs inside a user namespace");
		log_hint(REQUIREMENT_HINT_USERS);
		return EXIT_FAILURE_OWN;
	}
	return 0;
}

static int check_pages(void)
{
	if (requirement_has_small_pages())
		return 0;
	log_error("cannot load 'BPF programs': this kernel's pages have %ld bytes",
		  sysconf(_SC_PAGESIZE));
	log_hint(REQUIREMENT_HINT_PAGES);
	return EXIT_FAILURE_OWN;
}

/* The BPF side knows processes by the numbers of the first pid namespace. */
static int check_namespace(void)
{
	if (requirement_has_host_pids())
		return 0;
	log_error("cannot follow 'processes': memprobe runs inside a pid namespace");
	log_hint(REQUIREMENT_HINT_PIDS);
	return EXIT_FAILURE_OWN;
}

static int check_proc(void)
{
	if (requirement_has_proc())
		return 0;
	log_error("cannot follow 'processes': /proc is not mounted");
	log_hint(REQUIREMENT_HINT_PROC);
	return EXIT_FAILURE_OWN;
}

int preflight_place(void)
{
	int status = check_proc();

	if (!status)
		status = check_rights();
	if (!status)
		status = check_pages();
	return status ? status : check_namespace();
}

/* Which Python runs must not be a surprise. */
static void note_otherwise(const struct command *command, const char *name)
{
	if (!command->otherwise)
		return;
	if (command->is_as_caller)
		log_later("'%s' was '%s', as where sudo was called; in sudo's PATH it is '%s'",
			  name, command->path, command->otherwise);
	else
		log_later("'%s' was '%s', of sudo's PATH; where sudo was called it is '%s'", name,
			  command->path, command->otherwise);
}

int preflight_command(const struct preflight_caller *caller, const char *name, struct command *ret)
{
	const struct command_search search = {
		.name = name,
		.identity = caller->identity,
		.user = caller->user,
		.inspector = caller->inspector,
	};
	int error = command_search(&search, ret);

	if (error)
		return command_refuse_name(name, error, caller->identity->is_as_caller,
					   ret->otherwise);
	note_otherwise(ret, name);
	return 0;
}
