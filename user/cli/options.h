/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options by table: one spec an option gives its parsing, its help and its completion, and a test
 * looks for it in the man page.
 *
 * Long options take their value behind `=` or as the next word and are never abbreviated; short
 * ones take it behind the letter or as the next word, and may share a dash when they take none.
 * `--` ends the options.
 */
#ifndef MEMPROBE_OPTIONS_H
#define MEMPROBE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How a value is read, and what lies at the spec's offset for it. */
enum option_kind {
	OPTION_FLAG,	       /* bool: set; takes no value */
	OPTION_COUNT,	       /* int: one more each time; takes no value */
	OPTION_ACTION,	       /* nothing: ends the parsing with spec->action; takes no value */
	OPTION_TEXT,	       /* const char *: the word itself, not empty */
	OPTION_TEXT_OR_NOT,    /* the same, but only behind `=`; "" without one */
	OPTION_PATTERN,	       /* the same: an extended regular expression */
	OPTION_CHOICE,	       /* const char *: the word, one of spec->choices */
	OPTION_CHOICES,	       /* uint32_t: a bit for each of spec->choices in a comma list */
	OPTION_INTEGER,	       /* uint32_t within the bounds */
	OPTION_INTEGER_OR_NOT, /* struct option_decimal: whole, but only behind `=`; min without */
	OPTION_DECIMAL,	       /* struct option_decimal within the bounds */
	OPTION_DURATION,       /* the same in seconds; 90s, 1.5m and 2h are taken too */
	OPTION_PIDS,	       /* struct option_pids: appended, once each; a comma list */
};

/* What an option does instead of running the command. */
enum option_action {
	OPTIONS_RUN,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_COMPLETION,
	OPTIONS_COMPLETION_ZSH,
	OPTIONS_COMPLETION_FISH
};

struct option_decimal {
	bool is_given;
	double value;
};

/* Owns the array. */
struct option_pids {
	uint32_t *pids;
	size_t count, capacity;
};

/* The words that an option takes, from 0 on; NULL behind the last. */
typedef const char *(*option_choices)(size_t index);

struct option_spec {
	const char *name; /* without dashes */
	char letter;	  /* 0: none */
	const char *argument;
	const char *help; /* NULL: not shown anywhere; `{}` stands for the choices */
	enum option_kind kind;
	enum option_action action;
	size_t offset; /* in the struct that the group fills */
	option_choices choices;
	double min, max;
};

/* Specs that fill one struct. */
struct option_group {
	const char *title;
	const struct option_spec *specs;
	size_t nr_specs;
	size_t base;	  /* where that struct lies in the command's options */
	const char *help; /* command that shows more of them than the command's own, or NULL */
};

struct option_syntax {
	const struct option_group *groups;
	size_t nr_groups;
	bool stops_at_operand; /* what follows the first operand belongs to it */
	const char *help;      /* command that shows help, for hints */
	/* What is meant by an option that there is not, NULL: nothing is known; may be NULL. */
	const char *(*find_hint)(const char *option);
};

/* Owns the array of operands, not the words. */
struct option_words {
	char **operands; /* NULL-terminated */
	size_t nr_operands;
	size_t nr_options; /* words before the first operand or `--` */
};

/*
 * Reads `words` (NULL-terminated, without the program's name) into `target`, which holds the
 * defaults. 0; or -EINVAL after printing what is wrong. With another action than OPTIONS_RUN the
 * rest was not read.
 */
int options_parse(const struct option_syntax *syntax, char **words, void *target,
		  enum option_action *ret_action, struct option_words *ret_words);

/* May its value be left out? */
bool options_is_optional(const struct option_spec *spec);
/* Which of the choices, counted from 0; -ENOENT when it is none. */
int options_choice(option_choices choices, const char *text);
/* All of them; the caller frees it. */
char *options_join_choices(option_choices choices, const char *separator);

#endif
