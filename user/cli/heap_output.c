/* SPDX-License-Identifier: BSD-2-Clause */
/* Text and JSON of readings; see heap_output.h. */
#include "heap_output.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"
#include "inspect_texts.h"
#include "memory.h"
#include "report_census.h"
#include "report_inside.h"
#include "report_run.h"
#include "terminal.h"

#define JSON_VERSION 1
#define NS_PER_S 1e9

enum format { FORMAT_TEXT, FORMAT_JSON };

const char *heap_output_format(size_t index)
{
	static const char *const names[] = { [FORMAT_TEXT] = "text", [FORMAT_JSON] = "json" };

	return index < ARRAY_SIZE(names) ? names[index] : NULL;
}

static bool is_json(const struct heap_output *output)
{
	return !strcmp(output->format, heap_output_format(FORMAT_JSON));
}

char *heap_output_command(struct inspector *inspector, pid_t pid)
{
	_cleanup_(freep) struct inspect_process *process = xcalloc(1, sizeof(*process));
	size_t size;

	if (inspect_process(inspector, pid, process))
		return xstrdup("");
	size = process->command_bytes;
	while (size && !process->command[size - 1])
		size--;
	for (size_t i = 0; i < size; i++) {
		if (!process->command[i])
			process->command[i] = ' ';
	}
	return xstrndup(process->command, size);
}

static void read_owner(struct heap_output *output)
{
	struct identity identity;

	identity_read(false, &identity);
	dump_owner_init(&output->owner, identity.uid, identity.gid);
	identity_free(&identity);
}

static int open_as_owner(struct heap_output *output, bool force)
{
	struct dump_self self;
	int error = dump_owner_become(&output->owner, &self);

	if (!error)
		error = sink_open(&output->sink, output->name, force);
	dump_owner_return(&self);
	return error;
}

static void release(struct heap_output *output)
{
	dump_owner_free(&output->owner);
	freep(&output->later);
}

static int close_as_owner(struct heap_output *output)
{
	struct dump_self self;
	int error = dump_owner_become(&output->owner, &self);

	if (error)
		sink_abandon(&output->sink);
	else
		error = sink_close(&output->sink);
	dump_owner_return(&self);
	release(output);
	return error;
}

int heap_output_open(struct heap_output *output, const char *out, bool force)
{
	int error = 0;

	/* A reader that has gone, or a limit, is an error of the write and no reason to die. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	output->name = out ? out : "standard output";
	read_owner(output);
	if (out)
		error = open_as_owner(output, force);
	else
		sink_attach(&output->sink, STDOUT_FILENO);
	if (!error)
		return 0;
	dump_owner_free(&output->owner);
	return report_run_refuse_output(output->name, error);
}

static void write_head(struct heap_output *output, pid_t pid, const char *says, const char *command)
{
	size_t size = 4 * strlen(command) + 1;
	_cleanup_(freep) char *safe = xmalloc(size);

	terminal_escape(command, safe, size);
	sink_printf(&output->sink, "%d %s%s\n", (int)pid, says, safe);
}

void heap_output_begin(struct heap_output *output, pid_t pid, const char *command, bool is_series)
{
	struct json_writer *json = &output->json;

	output->is_series = is_series;
	if (!is_json(output)) {
		sink_fit_terminal(&output->sink);
		write_head(output, pid, "", command);
		return;
	}
	json_writer_init(json, &output->sink);
	json_writer_begin_object(json);
	json_writer_member_string(json, "format", "memprobe-heap");
	json_writer_member_integer(json, "version", JSON_VERSION);
	json_writer_member_integer(json, "pid", pid);
	json_writer_member_name(json, "command", command);
	json_writer_key(json, "readings");
	json_writer_begin_array(json);
}

void heap_output_program(struct heap_output *output, pid_t pid, char *command)
{
	free(output->later);
	output->later = command;
	if (!is_json(output))
		write_head(output, pid, "runs another program now: ", command);
}

static void put_json(struct heap_output *output, uint64_t time_ns, const struct heap_inside *inside,
		     const struct census *census)
{
	struct json_writer *json = &output->json;

	json_writer_line(json);
	json_writer_begin_object(json);
	json_writer_member_seconds(json, "time", time_ns);
	if (output->later)
		json_writer_member_name(json, "command", output->later);
	report_inside_members(inside, json);
	report_parts_members(inside, census, json);
	if (census) {
		json_writer_key(json, "objects");
		json_writer_begin_object(json);
		report_census_members(census, json);
		json_writer_end_object(json);
	}
	json_writer_end_object(json);
}

void heap_output_put(struct heap_output *output, uint64_t time_ns, const struct heap_inside *inside,
		     const struct census *census)
{
	if (is_json(output)) {
		put_json(output, time_ns, inside, census);
	} else {
		if (output->is_series)
			sink_printf(&output->sink, "at %.2f s\n", (double)time_ns / NS_PER_S);
		report_inside_write(inside, &output->sink);
		report_parts_write(inside, census, &output->sink);
		if (census)
			report_census_write(census, &output->sink);
	}
	sink_flush(&output->sink);
}

void heap_output_end_readings(struct heap_output *output)
{
	if (is_json(output))
		json_writer_end_array(&output->json);
}

void heap_output_growth(struct heap_output *output, const struct census_diff *diff)
{
	struct json_writer *json = &output->json;

	if (!is_json(output)) {
		report_census_diff_write(diff, &output->sink);
		return;
	}
	json_writer_key(json, "growth");
	json_writer_begin_object(json);
	report_census_diff_members(diff, json);
	json_writer_end_object(json);
}

int heap_output_end(struct heap_output *output)
{
	int error;

	if (is_json(output)) {
		json_writer_end_object(&output->json);
		json_writer_end_line(&output->json);
	}
	error = close_as_owner(output);
	return error ? report_run_refuse_output(output->name, error) : 0;
}

void heap_output_abandon(struct heap_output *output)
{
	sink_abandon(&output->sink);
	release(output);
}
