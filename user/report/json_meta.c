/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of the capture; see json_fields.h. */
#include "json_fields.h"

#include <time.h>

#define JSON_VERSION 1

static void write_command(struct json_writer *json, char *const *command)
{
	json_writer_key(json, "command");
	json_writer_begin_array(json);
	for (; command && *command; command++)
		json_writer_string(json, *command);
	json_writer_end_array(json);
}

static void write_started(struct json_writer *json, int64_t started_s)
{
	time_t seconds = started_s;
	struct tm utc;
	char text[64] = "";

	if (gmtime_r(&seconds, &utc))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	json_writer_member_string(json, "started", *text ? text : NULL);
}

/* The highest moment of all processes together; null where there was never more than one. */
static void write_highest(struct json_writer *json, const struct moment *highest)
{
	if (!highest->bytes) {
		json_writer_member_null(json, "highest");
		return;
	}
	json_writer_key(json, "highest");
	json_writer_begin_object(json);
	json_writer_member_seconds(json, "time", highest->time_ns);
	json_writer_member_integer(json, "pss", highest->bytes);
	json_writer_member_integer(json, "rss", highest->rss);
	json_writer_member_integer(json, "processes", highest->nr_processes);
	json_writer_key(json, "exact");
	json_writer_bool(json, !highest->is_bound);
	json_writer_member_integer(json, "rss_most", highest->rss_most);
	json_writer_end_object(json);
}

void json_fields_format(struct json_writer *json)
{
	json_writer_member_string(json, "format", "memprobe");
	json_writer_member_integer(json, "version", JSON_VERSION);
}

void json_fields_meta(struct json_writer *json, const struct profile *profile)
{
	const struct profile_meta *meta = &profile->meta;

	write_command(json, meta->command);
	write_started(json, meta->started_s);
	json_writer_member_seconds(json, "duration", meta->duration_ns);
	json_writer_member_string(json, "kernel", meta->kernel);
	json_writer_member_string(json, "memprobe", meta->memprobe);
	json_writer_key(json, "calls");
	json_writer_begin_object(json);
	json_writer_member_string(json, "mode", calls_mode_name(meta->calls_mode));
	json_writer_end_object(json);
	/* Of no process; cli.md has a place only for those of one. */
	if (losses_any(profile->losses))
		json_fields_losses(json, profile->losses);
	write_highest(json, &profile->highest);
	json_writer_key(json, "complete");
	json_writer_bool(json, meta->is_complete);
}
