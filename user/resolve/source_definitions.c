/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Definitions from tokens; see source_definitions.h. No syntax tree is made: what is open at a
 * token (source_frames.h) says in whose scope a definition stands that begins there. All statements
 * but those of def and class are transparent.
 */
#include "source_definitions.h"

#include "hash_table.h"
#include "memory.h"
#include "source_fields.h"
#include "source_frames.h"
#include "source_tokens.h"

enum expectation {
	EXPECT_LINE,	  /* the first statement of a logical line */
	EXPECT_STATEMENT, /* another one, or what follows `async` */
	EXPECT_EXPRESSION,
	EXPECT_FUNCTION_NAME,
	EXPECT_CLASS_NAME,
	EXPECT_GLOBALS,
	EXPECT_DECORATOR,
};

/* The first of adjacent strings. */
struct first_string {
	uint32_t line, end_line; /* as reported; 0: the last token was no string */
};

struct parser {
	struct source_scanner scanner;
	struct source_frames frames;
	struct hash_table globals; /* names declared global, by global_key */
	enum expectation expects;
	uint32_t decorator_line; /* 0: none */
	uint32_t start_line;	 /* of a definition's first word, 0: none */
	struct first_string first_string;
};

/* ---- statements ---- */

static uint64_t global_key(uint32_t definition, const struct token *name)
{
	return hash_bytes(&definition, sizeof(definition), hash_bytes(name->text, name->length, 0));
}

static void declare_global(struct parser *parser, const struct token *name)
{
	hash_table_put(&parser->globals, global_key(frames_scope(&parser->frames), name), 0);
}

static void begin_block_of(struct parser *parser, enum definition_kind kind,
			   const struct token *name)
{
	uint32_t line = parser->decorator_line ? parser->decorator_line : parser->start_line;
	uint32_t definition, ignored;
	struct frame *frame;

	definition = frames_define(&parser->frames, kind, line);
	frames_name(&parser->frames, definition, name->text, name->length);
	parser->frames.definitions->list[definition].is_global = hash_table_get(
		&parser->globals, global_key(frames_scope(&parser->frames), name), &ignored);
	frame = frames_push(&parser->frames, FRAME_HEADER, definition);
	frame->is_outside = true;
	frame->indent = parser->scanner.indent;
	parser->expects = EXPECT_EXPRESSION;
	parser->decorator_line = parser->start_line = 0;
}

/* What began is neither a definition nor decorates one. */
static void begin_other_statement(struct parser *parser)
{
	if (parser->expects == EXPECT_EXPRESSION || parser->expects == EXPECT_GLOBALS)
		return;
	parser->expects = EXPECT_EXPRESSION;
	parser->decorator_line = parser->start_line = 0;
}

static void begin_line(struct parser *parser)
{
	if (parser->expects != EXPECT_LINE)
		return;
	while (parser->frames.nr_frames > parser->frames.floor &&
	       frames_top(&parser->frames)->indent >= parser->scanner.indent)
		frames_pop(&parser->frames);
	parser->expects = EXPECT_STATEMENT;
}

/* Headers without a colon, brackets that do not fit: the text is wrong and goes on somehow. */
static void end_line(struct parser *parser)
{
	while (!frames_is_top(&parser->frames, FRAME_BLOCK))
		frames_pop(&parser->frames);
	parser->expects = EXPECT_LINE;
	parser->start_line = 0;
}

static void end_statement(struct parser *parser)
{
	frames_end_lambdas(&parser->frames);
	if (frames_is_top(&parser->frames, FRAME_BLOCK))
		parser->expects = EXPECT_STATEMENT;
}

/* Of a lambda's parameters, a dictionary's key, a header, or another statement with a block. */
static void take_colon(struct parser *parser)
{
	struct frame *frame;

	frames_end_lambdas(&parser->frames);
	frame = frames_top(&parser->frames);
	switch (frame->kind) {
	case FRAME_LAMBDA:
		frame->is_outside = false;
		break;
	case FRAME_BRACKET:
		frame->has_colon |= frame->part == PART_ELEMENT;
		break;
	case FRAME_HEADER:
		frame->kind = FRAME_BLOCK;
		frame->is_outside = false;
		/* fall through */
	case FRAME_BLOCK:
		parser->expects = EXPECT_STATEMENT;
		break;
	}
}

/* ---- tokens ---- */

static void parse_tokens(struct parser *parser);

/* How far off CPython reports the lines of an expression within an f-string. */
static uint32_t field_shift(const struct parser *parser, const struct source_field *field,
			    bool is_in_first)
{
	if (parser->frames.python_minor >= 9 || (field->is_simple && is_in_first))
		return parser->frames.line_shift;
	if (parser->frames.python_minor == 8)
		return parser->first_string.line - field->line;
	return parser->first_string.end_line - field->line;
}

/* compile()d as if it stood in parentheses. */
static void parse_field(struct parser *parser, const struct source_field *field, uint32_t shift)
{
	struct source_scanner scanner = parser->scanner;
	struct first_string first_string = parser->first_string;
	uint32_t line_shift = parser->frames.line_shift;
	size_t floor = parser->frames.floor;

	parser->frames.line_shift = shift;
	frames_open_bracket(&parser->frames, '(', field->line);
	parser->frames.floor = parser->frames.nr_frames;
	parser->first_string = (struct first_string){ 0 };
	parser->scanner = source_scanner_of_part(field->expression, field->length, field->line);
	parse_tokens(parser);
	while (parser->frames.nr_frames >= parser->frames.floor)
		frames_pop(&parser->frames);
	parser->frames.floor = floor;
	parser->scanner = scanner;
	parser->first_string = first_string;
	parser->frames.line_shift = line_shift;
}

static void take_string(struct parser *parser, const struct token *token)
{
	bool is_first = !parser->first_string.line;
	struct source_fields fields;
	struct source_field field;

	if (is_first) {
		parser->first_string.line = frames_reported(&parser->frames, token->line);
		parser->first_string.end_line = frames_reported(&parser->frames, token->end_line);
	}
	if (!token->is_formatted)
		return;
	fields = source_fields_of(token);
	while (source_fields_next(&fields, &field))
		parse_field(parser, &field, field_shift(parser, &field, is_first));
}

static void take_word(struct parser *parser, const struct token *token)
{
	begin_other_statement(parser);
	if (token_is(token, "lambda"))
		frames_open_lambda(&parser->frames, token->line);
	else if (token_is(token, "for"))
		frames_take_for(&parser->frames);
	else if (token_is(token, "in"))
		frames_take_in(&parser->frames);
	else if (token_is(token, "if"))
		frames_take_if(&parser->frames);
}

/* Its line is kept: what comes can stand on another one. */
static void begin_definition(struct parser *parser, enum expectation expectation, uint32_t line)
{
	parser->expects = expectation;
	if (!parser->start_line)
		parser->start_line = line;
}

static void take_first_word(struct parser *parser, const struct token *token)
{
	if (token_is(token, "def"))
		begin_definition(parser, EXPECT_FUNCTION_NAME, token->line);
	else if (token_is(token, "class"))
		begin_definition(parser, EXPECT_CLASS_NAME, token->line);
	else if (token_is(token, "async"))
		begin_definition(parser, EXPECT_STATEMENT, token->line);
	else if (token_is(token, "global"))
		parser->expects = EXPECT_GLOBALS;
	else
		take_word(parser, token);
}

static void take_name(struct parser *parser, const struct token *token)
{
	switch (parser->expects) {
	case EXPECT_FUNCTION_NAME:
		begin_block_of(parser, DEFINITION_FUNCTION, token);
		break;
	case EXPECT_CLASS_NAME:
		begin_block_of(parser, DEFINITION_CLASS, token);
		break;
	case EXPECT_GLOBALS:
		declare_global(parser, token);
		break;
	case EXPECT_STATEMENT:
		take_first_word(parser, token);
		break;
	default:
		take_word(parser, token);
	}
}

static void take_decorator(struct parser *parser, const struct token *token)
{
	if (!parser->decorator_line && parser->frames.python_minor < 8)
		parser->decorator_line = token->line;
	parser->expects = EXPECT_DECORATOR;
}

static void take_other(struct parser *parser, const struct token *token)
{
	char c = token->length == 1 ? *token->text : 0;

	if (parser->expects == EXPECT_STATEMENT && c == '@') {
		take_decorator(parser, token);
		return;
	}
	begin_other_statement(parser);
	if (c == '(' || c == '[' || c == '{')
		frames_open_bracket(&parser->frames, c, token->line);
	else if (c == ')' || c == ']' || c == '}')
		frames_close_bracket(&parser->frames);
	else if (c == ',')
		frames_end_lambdas(&parser->frames);
	else if (c == ':')
		take_colon(parser);
	else if (c == ';')
		end_statement(parser);
}

/* Those whose line is the line of the token that follows. */
static void note_token(struct parser *parser, const struct token *token)
{
	struct frame *frame = frames_top(&parser->frames);

	if (frame->kind == FRAME_BRACKET && !frame->end_line)
		frame->end_line = frames_reported(&parser->frames, token->end_line);
	if (parser->expects != EXPECT_DECORATOR)
		return;
	parser->expects = EXPECT_EXPRESSION;
	if (!parser->decorator_line)
		parser->decorator_line = token->line;
}

static void take_token(struct parser *parser, const struct token *token)
{
	begin_line(parser);
	note_token(parser, token);
	if (token->kind != TOKEN_STRING)
		parser->first_string = (struct first_string){ 0 };
	switch (token->kind) {
	case TOKEN_NEWLINE:
		end_line(parser);
		break;
	case TOKEN_NAME:
		take_name(parser, token);
		break;
	case TOKEN_STRING:
		begin_other_statement(parser);
		take_string(parser, token);
		break;
	default:
		take_other(parser, token);
	}
}

/* A token opens one frame at most. */
static void parse_tokens(struct parser *parser)
{
	while (parser->frames.nr_frames < FRAMES_MAX) {
		struct token token = source_scanner_next(&parser->scanner);

		if (token.kind == TOKEN_END)
			return;
		take_token(parser, &token);
	}
}

struct definitions source_definitions_of(const char *text, size_t size, unsigned int python_minor)
{
	_cleanup_(freep) struct parser *parser = xcalloc(1, sizeof(*parser));
	struct definitions definitions = { 0 };

	string_pool_init(&definitions.names);
	parser->scanner = source_scanner_of_file(text, size);
	parser->frames.definitions = &definitions;
	parser->frames.python_minor = python_minor;
	parser->frames.stack[0] = (struct frame){
		.kind = FRAME_BLOCK,
		.definition = NO_DEFINITION,
		.around = NO_DEFINITION,
		.indent = -1,
	};
	parser->frames.nr_frames = parser->frames.floor = 1;
	parse_tokens(parser);
	hash_table_free(&parser->globals);
	return definitions;
}

void source_definitions_clear(struct definitions *definitions)
{
	string_pool_free(&definitions->names);
	free(definitions->list);
	*definitions = (struct definitions){ 0 };
}
