/* SPDX-License-Identifier: MIT
 * A machine with a stack for tests in each other, which blocks need not: that they are open is a number. After an error it goes
 * on behind the next semicolon, or with the next block. */
#include "sieve/parse.h"

#include <string.h>

#include "sieve/word.h"

enum state {
	AT_COMMAND = 0,
	AT_TEST,      /* one must follow */
	AT_TEST_END,  /* one has ended */
	AT_TESTS_END, /* all of the command's */
	AT_ERROR,
	AT_RECOVERY,
	AT_COMMAND_END,
};

static void next(struct parser *parser)
{
	parser->at = parser->lexer.at;
	parser->before = parser->lexer;
	lexer_next(&parser->lexer, &parser->token);
}

bool parse_begin(struct parser *parser, struct compiler *compiler, struct span script)
{
	const char *error;

	*parser = (struct parser){ .compiler = compiler };
	error = lexer_init(&parser->lexer, script);
	if (error != NULL) {
		compile_error(compiler, parser->lexer.at, "%s", error);
		return false;
	}
	next(parser);
	return true;
}

/* The next token is not what must stand here. */
static void unexpected(struct parser *parser, const char *wanted)
{
	const struct token *token = &parser->token;

	if (token->type == TOKEN_BAD) {
		compile_error(parser->compiler, token->at, "%s", token->error);
	} else if (token->type == TOKEN_END) {
		compile_error(
		    parser->compiler, token->at, "the script ends where there must be %s", wanted);
	} else if (token->type == TOKEN_STRING) {
		compile_error(
		    parser->compiler, token->at, "a string stands where there must be %s", wanted);
	} else {
		compile_error(parser->compiler, token->at, "\"%.*s\" stands where there must be %s",
		    SPAN(token->text), wanted);
	}
	parser->state = AT_ERROR;
}

/* --- phrases ---------------------------------------------------------------------------------------------------- */

/* Goes behind a list. The item can read it once more. */
static bool read_list(struct parser *parser, struct item *item)
{
	do {
		next(parser);
		if (parser->token.type != TOKEN_STRING) {
			unexpected(parser, item->n_strings == 0 ? "the first string of a list"
								: "a string behind the comma");
			return false;
		}
		item->n_strings++;
		next(parser);
	} while (parser->token.type == ',');
	if (parser->token.type != ']') {
		unexpected(parser, "a comma or ], since a list of strings is open");
		return false;
	}
	next(parser);
	return true;
}

static bool read_item(struct parser *parser)
{
	struct phrase *phrase = &parser->phrase;
	const struct token *token = &parser->token;
	struct item *item = &phrase->items[phrase->n_items];

	if (phrase->n_items++ == PARSE_ARGUMENTS_MAX) {
		compile_error(parser->compiler, token->at,
		    "%.*s has more than %d arguments; nothing takes as many", SPAN(phrase->name),
		    PARSE_ARGUMENTS_MAX);
		return false;
	}
	*item = (struct item){ token->type, token->at, token->text, token->number, parser->before,
		token->type == TOKEN_STRING };
	if (token->type == '[') {
		return read_list(parser, item);
	}
	next(parser);
	return true;
}

/* Reads a name and its arguments, and what opens its tests. */
static bool read_phrase(struct parser *parser)
{
	struct phrase *phrase = &parser->phrase;
	const struct token *token = &parser->token;

	phrase->name = token->text;
	phrase->at = token->at;
	phrase->n_items = 0;
	phrase->opens = OPENS_NOTHING;
	next(parser);
	while (token->type == TOKEN_TAG || token->type == TOKEN_NUMBER ||
	       token->type == TOKEN_STRING || token->type == '[') {
		if (!read_item(parser)) {
			return false;
		}
	}
	if (token->type == TOKEN_BAD) {
		unexpected(parser, "");
		return false;
	}
	if (token->type != TOKEN_IDENTIFIER && token->type != '(') {
		return true;
	}
	if (parser->n_tests == PARSE_TESTS_MAX) {
		compile_error(parser->compiler, token->at,
		    "more than %d tests are in each other; take some out", PARSE_TESTS_MAX);
		return false;
	}
	phrase->opens = token->type == '(' ? OPENS_TESTS : OPENS_TEST;
	parser->is_list[parser->n_tests++] = token->type == '(';
	if (token->type == '(') {
		next(parser);
	}
	return true;
}

/* --- states ----------------------------------------------------------------------------------------------------- */

static enum parse_event begin_command(struct parser *parser)
{
	parser->n_tests = 0;
	if (parser->token.type != TOKEN_IDENTIFIER) {
		parser->phrase = (struct phrase){ .at = parser->token.at };
		unexpected(parser, "a command");
	} else if (!read_phrase(parser)) {
		parser->phrase.name.n = 0;
		parser->state = AT_ERROR;
	} else {
		parser->state = parser->phrase.opens != OPENS_NOTHING ? AT_TEST : AT_TESTS_END;
	}
	return PARSE_COMMAND;
}

static enum parse_event end_block(struct parser *parser)
{
	parser->n_blocks--;
	parser->state = AT_COMMAND;
	return PARSE_COMMAND_END;
}

/* Semicolons that nothing stands before are passed over, and braces that close nothing. */
static enum parse_event at_command(struct parser *parser)
{
	struct token *token = &parser->token;

	for (;; next(parser)) {
		if (token->type == '}' && parser->n_blocks > 0) {
			next(parser);
			return end_block(parser);
		}
		if (token->type == TOKEN_END && parser->n_blocks > 0) {
			compile_error(parser->compiler, token->at,
			    "the block that line %u opens has no end; write } behind it",
			    parser->opened[parser->n_blocks - 1]);
			parser->n_blocks = 0;
			return PARSE_END;
		}
		if (token->type == '}') {
			compile_error(parser->compiler, token->at,
			    "} closes no block; take it out, or write { where one begins");
		} else if (token->type == ';') {
			compile_error(parser->compiler, token->at,
			    "there is no command in front of this semicolon; take it out");
		} else {
			break;
		}
	}
	return token->type == TOKEN_END ? PARSE_END : begin_command(parser);
}

static enum parse_event at_error(struct parser *parser)
{
	parser->state = AT_RECOVERY;
	return PARSE_BROKEN;
}

static enum parse_event at_test(struct parser *parser)
{
	if (parser->token.type != TOKEN_IDENTIFIER) {
		unexpected(parser, "a test");
		return at_error(parser);
	}
	if (!read_phrase(parser)) {
		return at_error(parser);
	}
	parser->state = parser->phrase.opens != OPENS_NOTHING ? AT_TEST : AT_TEST_END;
	return PARSE_TEST;
}

/* One has ended, and with it those that it is the last of. */
static enum parse_event at_test_end(struct parser *parser)
{
	int type = parser->token.type;
	bool is_list = parser->is_list[parser->n_tests - 1];

	if (is_list && type == ',') {
		next(parser);
		parser->state = AT_TEST;
		return PARSE_TEST_END;
	}
	if (is_list && type != ')') {
		unexpected(parser, "a comma or ), since a list of tests is open");
		return PARSE_TEST_END;
	}
	if (is_list) {
		next(parser);
	}
	parser->n_tests--;
	parser->state = parser->n_tests > 0 ? AT_TEST_END : AT_TESTS_END;
	return PARSE_TEST_END;
}

/* Passes over a block that lies too deep. */
static void skip_block(struct parser *parser)
{
	size_t n = 0;

	compile_error(parser->compiler, parser->token.at,
	    "more than %d blocks are in each other; take some out", PARSE_BLOCKS_MAX);
	do {
		n += parser->token.type == '{';
		n -= parser->token.type == '}';
		next(parser);
	} while (n > 0 && parser->token.type != TOKEN_END);
}

/* A semicolon or a block must follow; if something else does, the semicolon is what was forgotten. */
static enum parse_event at_tests_end(struct parser *parser)
{
	int type = parser->token.type;

	if (type == '{' && parser->n_blocks < PARSE_BLOCKS_MAX) {
		parser->opened[parser->n_blocks++] = parser->token.at.line;
		next(parser);
		parser->state = AT_COMMAND;
		return PARSE_BLOCK;
	}
	if (type != '{' && type != ';' && type != '}' && type != TOKEN_END) {
		unexpected(parser, "a semicolon or a block");
		return at_error(parser);
	}
	if (type == '{') {
		skip_block(parser);
		parser->state = AT_COMMAND_END;
		return PARSE_BROKEN;
	}
	if (type == ';') {
		next(parser);
	} else {
		compile_error(
		    parser->compiler, parser->at, "a command has no end; write ; behind it");
	}
	parser->state = AT_COMMAND;
	return PARSE_COMMAND_END;
}

/* Goes on where the next command may begin. */
static enum parse_event at_recovery(struct parser *parser)
{
	int type = parser->token.type;

	while (type != ';' && type != '{' && type != '}' && type != TOKEN_END) {
		next(parser);
		type = parser->token.type;
	}
	parser->state = AT_COMMAND;
	if (type == ';' || type == '{') {
		return at_tests_end(parser);
	}
	return PARSE_COMMAND_END;
}

enum parse_event parse_next(struct parser *parser)
{
	switch ((enum state)parser->state) {
	case AT_COMMAND:
		return at_command(parser);
	case AT_TEST:
		return at_test(parser);
	case AT_TEST_END:
		return at_test_end(parser);
	case AT_TESTS_END:
		return at_tests_end(parser);
	case AT_ERROR:
		return at_error(parser);
	case AT_RECOVERY:
		return at_recovery(parser);
	case AT_COMMAND_END:
		break;
	}
	parser->state = AT_COMMAND;
	return PARSE_COMMAND_END;
}
