/* SPDX-License-Identifier: MIT
 * The grammar of RFC 5228 8.2, read as a sequence of events, so that no tree of words without a meaning need be kept:
 * a command, the tests that it has, each with its end, its block, the commands in it, its end. Private to sieve. */
#pragma once

#include "sieve/lexer.h"

struct compiler;

enum {
	PARSE_ARGUMENTS_MAX = 32, /* of a command or test */
	PARSE_BLOCKS_MAX = 32,    /* nested */
	PARSE_TESTS_MAX = 32,     /* nested, of a command */
};

/* An argument as it stands. */
struct item {
	int type; /* TOKEN_TAG, _NUMBER, _STRING, or '[': a list */
	struct position at;
	struct span text; /* of a tag */
	uint64_t number;
	struct lexer strings; /* reads the strings, and what is between them */
	size_t n_strings;
};

/* A command or a test, up to its tests. */
struct phrase {
	struct span name; /* "": there was none, and an error was said */
	struct position at;
	struct item items[PARSE_ARGUMENTS_MAX];
	size_t n_items;
	enum {
		OPENS_NOTHING,
		OPENS_TEST,  /* not in parentheses */
		OPENS_TESTS, /* in them */
	} opens;
};

enum parse_event {
	PARSE_END = 0, /* of the script */
	PARSE_COMMAND, /* phrase */
	PARSE_TEST,    /* phrase */
	PARSE_TEST_END,
	PARSE_BROKEN, /* the command: its tests and arguments are worth nothing, an error was said */
	PARSE_BLOCK,  /* its commands follow */
	PARSE_COMMAND_END,
};

struct parser {
	struct compiler *compiler; /* for errors */
	struct lexer lexer;        /* behind token */
	struct lexer before;       /* reads token once more */
	struct token token;        /* the next one */
	struct position at;        /* behind the last one */
	struct phrase phrase;
	int state;
	bool is_list
	    [PARSE_TESTS_MAX]; /* of the tests that are open: how their parents opened them */
	unsigned n_tests;
	unsigned opened[PARSE_BLOCKS_MAX]; /* the lines of blocks */
	unsigned n_blocks;
};

/* compiler: what errors are said to. False: it is no script at all, and an error was said. */
bool parse_begin(struct parser *parser, struct compiler *compiler, struct span script);

enum parse_event parse_next(struct parser *parser);
