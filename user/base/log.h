/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to stderr. Only cli/ and capture/run print; every other part returns errors.
 * An error reads `memprobe: cannot <verb> '<object>': <cause>`, lower case, no period, and a
 * hint follows on a line of its own.
 */
#ifndef MEMPROBE_LOG_H
#define MEMPROBE_LOG_H

enum log_level {
	LOG_QUIET = -1, /* errors only */
	LOG_NORMAL = 0,
	LOG_DECISIONS = 1, /* -v: what was chosen and why */
	LOG_STEPS = 2,	   /* -vv */
	LOG_DEBUG = 3,	   /* -vvv: libbpf and the verifier */
};

void log_set_level(int level);
int log_level(void);

__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_hint(const char *format, ...);
/* Printed unless -q. */
__attribute__((format(printf, 1, 2))) void log_warning(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_note(const char *format, ...);
/* A note that can wait: at once with -v, otherwise log_tell_later prints it, so that it does not
 * stand in the midst of what the command itself prints. Of very many the first of each format are
 * kept, the rest is counted. */
__attribute__((format(printf, 1, 2))) void log_later(const char *format, ...);
void log_tell_later(void);
__attribute__((format(printf, 2, 3))) void log_at(int level, const char *format, ...);

/* For a terminal: a line that stands until the next message, or this again, takes its place. NULL:
 * takes it away. */
void log_passing(const char *line);

#endif
