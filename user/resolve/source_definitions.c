/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Definitions from tokens; see source_definitions.h. No syntax tree is made. A stack of frames says
 * what is open at a token, from the module in: blocks of def and class, their headers, brackets,
 * lambdas. All other statements are transparent. The frame on top tells in which scope a definition
 * stands that begins here; some parts of a frame stand in the scope around it: headers (default
 * arguments, annotations, base classes), parameters of lambdas, the first iterable of
 * comprehensions.
 *
 * That a bracket is a comprehension shows at its `for`, when what it makes may already contain
 * definitions. So every bracket gets a definition of kind DEFINITION_NONE, which the `for` renames,
 * and which goes with the bracket when nothing refers to it.
 */
#include "source_definitions.h"

#include <string.h>

#include "hash_table.h"
#include "memory.h"
#include "source_fields.h"
#include "source_tokens.h"

/* CPython 3.8 and later: 100 indentations (MAXINDENT), 200 brackets (MAXLEVEL). */
#define FRAMES_MAX 1000

enum frame_kind { FRAME_BLOCK, FRAME_HEADER, FRAME_BRACKET, FRAME_LAMBDA };

/* Of a bracket, in the order of the text. */
enum bracket_part { PART_ELEMENT, PART_TARGET, PART_FIRST_ITERABLE, PART_REST };

struct frame {
	enum frame_kind kind;
	uint32_t definition; /* NO_DEFINITION: the module's block */
	uint32_t around;     /* the definition whose scope the frame stands in */
	bool is_outside;     /* this part of the frame stands in that scope too */
	int64_t indent;	     /* of blocks and headers: of the line with the def or class */
	enum bracket_part part;
	char bracket;	   /* as it opens */
	bool has_colon;	   /* in its element, outside of lambdas */
	uint32_t line;	   /* of the bracket */
	uint32_t end_line; /* of the first token within, 0: not there yet */
};

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
	struct definitions *definitions;
	struct hash_table globals; /* names declared global, by global_key */
	unsigned int python_minor;
	enum expectation expects;
	uint32_t decorator_line; /* 0: none */
	uint32_t start_line;	 /* of a definition's first word, 0: none */
	uint32_t line_shift;	 /* from the line in the text to that which CPython reports */
	struct first_string first_string;
	size_t floor; /* frames that the brackets of an expression within an f-string cannot close
		       */
	size_t nr_frames;
	struct frame frames[FRAMES_MAX];
};

static struct frame *top(struct parser *parser)
{
	return &parser->frames[parser->nr_frames - 1];
}

static bool is_top(struct parser *parser, enum frame_kind kind)
{
	return top(parser)->kind == kind;
}

static uint32_t scope(struct parser *parser)
{
	const struct frame *frame = top(parser);

	return frame->is_outside ? frame->around : frame->definition;
}

static uint32_t reported(const struct parser *parser, uint32_t line)
{
	return line + parser->line_shift;
}

/* ---- frames ---- */

static uint32_t add_definition(struct parser *parser, enum definition_kind kind, uint32_t line)
{
	struct definitions *definitions = parser->definitions;

	definitions->list = array_reserve(definitions->list, &definitions->capacity,
					  definitions->count + 1, sizeof(*definitions->list));
	definitions->list[definitions->count] = (struct definition){
		.kind = kind,
		.parent = scope(parser),
		.line = line,
	};
	return (uint32_t)definitions->count++;
}

static void set_name(struct parser *parser, uint32_t definition, const char *name, size_t length)
{
	struct definitions *definitions = parser->definitions;

	definitions->list[definition].name = string_pool_add_bytes(&definitions->names, name,
								   length);
}

/* The caller has seen that there is room: parse_tokens. */
static struct frame *push(struct parser *parser, enum frame_kind kind, uint32_t definition)
{
	uint32_t around = scope(parser);
	struct frame *frame = &parser->frames[parser->nr_frames++];

	*frame = (struct frame){ .kind = kind, .definition = definition, .around = around };
	return frame;
}

static void pop(struct parser *parser)
{
	struct definitions *definitions = parser->definitions;
	const struct frame *frame = top(parser);

	parser->nr_frames--;
	if (frame->kind == FRAME_BRACKET && frame->part == PART_ELEMENT &&
	    frame->definition == definitions->count - 1)
		definitions->count--;
}

/* A lambda's body ends where its brackets or its statement go on; its parameters do not. */
static void end_lambdas(struct parser *parser)
{
	while (is_top(parser, FRAME_LAMBDA) && !top(parser)->is_outside)
		pop(parser);
}

static void open_bracket(struct parser *parser, char bracket, uint32_t line)
{
	uint32_t definition = add_definition(parser, DEFINITION_NONE, 0);
	struct frame *frame = push(parser, FRAME_BRACKET, definition);

	frame->bracket = bracket;
	frame->line = reported(parser, line);
}

static void close_bracket(struct parser *parser)
{
	while (is_top(parser, FRAME_LAMBDA))
		pop(parser);
	if (is_top(parser, FRAME_BRACKET) && parser->nr_frames > parser->floor)
		pop(parser);
}

static void open_lambda(struct parser *parser, uint32_t line)
{
	static const char name[] = "<lambda>";
	uint32_t definition = add_definition(parser, DEFINITION_FUNCTION, reported(parser, line));

	set_name(parser, definition, name, sizeof(name) - 1);
	push(parser, FRAME_LAMBDA, definition)->is_outside = true;
}

/* ---- comprehensions ---- */

static const char *comprehension_name(const struct frame *frame)
{
	if (frame->bracket == '[')
		return "<listcomp>";
	if (frame->bracket == '(')
		return "<genexpr>";
	return frame->has_colon ? "<dictcomp>" : "<setcomp>";
}

static uint32_t comprehension_line(const struct parser *parser, const struct frame *frame)
{
	return parser->python_minor >= 8 || frame->bracket == '{' ? frame->line : frame->end_line;
}

static void take_for(struct parser *parser)
{
	struct frame *frame;
	struct definition *definition;

	end_lambdas(parser);
	frame = top(parser);
	if (frame->kind != FRAME_BRACKET)
		return;
	frame->is_outside = false;
	if (frame->part != PART_ELEMENT) {
		frame->part = PART_REST;
		return;
	}
	frame->part = PART_TARGET;
	definition = &parser->definitions->list[frame->definition];
	definition->kind = DEFINITION_COMPREHENSION;
	definition->line = comprehension_line(parser, frame);
	set_name(parser, frame->definition, comprehension_name(frame),
		 strlen(comprehension_name(frame)));
}

/* compiler_comprehension passes the first iterable to the code object as an argument. */
static void take_in(struct parser *parser)
{
	struct frame *frame = top(parser);

	if (frame->kind != FRAME_BRACKET || frame->part != PART_TARGET)
		return;
	frame->part = PART_FIRST_ITERABLE;
	frame->is_outside = true;
}

static void take_if(struct parser *parser)
{
	struct frame *frame = top(parser);

	if (frame->kind != FRAME_BRACKET || frame->part != PART_FIRST_ITERABLE)
		return;
	frame->part = PART_REST;
	frame->is_outside = false;
}

/* ---- statements ---- */

static uint64_t global_key(uint32_t definition, const struct token *name)
{
	return hash_bytes(&definition, sizeof(definition), hash_bytes(name->text, name->length, 0));
}

static void declare_global(struct parser *parser, const struct token *name)
{
	hash_table_put(&parser->globals, global_key(scope(parser), name), 0);
}

static void begin_block_of(struct parser *parser, enum definition_kind kind,
			   const struct token *name)
{
	uint32_t line = parser->decorator_line ? parser->decorator_line : parser->start_line;
	uint32_t definition, ignored;
	struct frame *frame;

	definition = add_definition(parser, kind, line);
	set_name(parser, definition, name->text, name->length);
	parser->definitions->list[definition].is_global = hash_table_get(
		&parser->globals, global_key(scope(parser), name), &ignored);
	frame = push(parser, FRAME_HEADER, definition);
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
	while (parser->nr_frames > parser->floor && top(parser)->indent >= parser->scanner.indent)
		pop(parser);
	parser->expects = EXPECT_STATEMENT;
}

/* Headers without a colon, brackets that do not fit: the text is wrong and goes on somehow. */
static void end_line(struct parser *parser)
{
	while (!is_top(parser, FRAME_BLOCK))
		pop(parser);
	parser->expects = EXPECT_LINE;
	parser->start_line = 0;
}

static void end_statement(struct parser *parser)
{
	end_lambdas(parser);
	if (is_top(parser, FRAME_BLOCK))
		parser->expects = EXPECT_STATEMENT;
}

/* Of a lambda's parameters, a dictionary's key, a header, or another statement with a block. */
static void take_colon(struct parser *parser)
{
	struct frame *frame;

	end_lambdas(parser);
	frame = top(parser);
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
	if (parser->python_minor >= 9 || (field->is_simple && is_in_first))
		return parser->line_shift;
	if (parser->python_minor == 8)
		return parser->first_string.line - field->line;
	return parser->first_string.end_line - field->line;
}

/* compile()d as if it stood in parentheses. */
static void parse_field(struct parser *parser, const struct source_field *field, uint32_t shift)
{
	struct source_scanner scanner = parser->scanner;
	struct first_string first_string = parser->first_string;
	uint32_t line_shift = parser->line_shift;
	size_t floor = parser->floor;

	parser->line_shift = shift;
	open_bracket(parser, '(', field->line);
	parser->floor = parser->nr_frames;
	parser->first_string = (struct first_string){ 0 };
	parser->scanner = source_scanner_of_part(field->expression, field->length, field->line);
	parse_tokens(parser);
	while (parser->nr_frames >= parser->floor)
		pop(parser);
	parser->floor = floor;
	parser->scanner = scanner;
	parser->first_string = first_string;
	parser->line_shift = line_shift;
}

static void take_string(struct parser *parser, const struct token *token)
{
	bool is_first = !parser->first_string.line;
	struct source_fields fields;
	struct source_field field;

	if (is_first) {
		parser->first_string.line = reported(parser, token->line);
		parser->first_string.end_line = reported(parser, token->end_line);
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
		open_lambda(parser, token->line);
	else if (token_is(token, "for"))
		take_for(parser);
	else if (token_is(token, "in"))
		take_in(parser);
	else if (token_is(token, "if"))
		take_if(parser);
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
	if (!parser->decorator_line && parser->python_minor < 8)
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
		open_bracket(parser, c, token->line);
	else if (c == ')' || c == ']' || c == '}')
		close_bracket(parser);
	else if (c == ',')
		end_lambdas(parser);
	else if (c == ':')
		take_colon(parser);
	else if (c == ';')
		end_statement(parser);
}

/* Those whose line is the line of the token that follows. */
static void note_token(struct parser *parser, const struct token *token)
{
	struct frame *frame = top(parser);

	if (frame->kind == FRAME_BRACKET && !frame->end_line)
		frame->end_line = reported(parser, token->end_line);
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
	while (parser->nr_frames < FRAMES_MAX) {
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
	parser->definitions = &definitions;
	parser->python_minor = python_minor;
	parser->frames[0] = (struct frame){
		.kind = FRAME_BLOCK,
		.definition = NO_DEFINITION,
		.around = NO_DEFINITION,
		.indent = -1,
	};
	parser->nr_frames = parser->floor = 1;
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
