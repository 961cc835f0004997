/* SPDX-License-Identifier: MIT
 * The structure of messages. Each is told as text: a line for each part, with what lies in it; and it is the same however the
 * message is cut, and with either kind of line ends. */
#include "mail/mime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

enum {
	TOLD_MAX = 4096,
};

static struct span body_of(const char *text)
{
	const char *lf = strstr(text, "\n\n"), *crlf = strstr(text, "\r\n\r\n");
	const char *body = crlf != NULL ? crlf + 4 : lf != NULL ? lf + 2 : text + strlen(text);

	return (struct span){ body, strlen(body) };
}

/* Feeds it in windows of random sizes up to max; 0: at once; cut > 0: in two. */
static const struct parts *scan(struct arena *arena, struct fuel *fuel, struct span header,
    struct span body, size_t cut, size_t max)
{
	static uint64_t seed;
	struct fields *fields = fields_parse(arena, fuel, header);
	struct mime_scan *scan = fields == NULL ? NULL : mime_scan_new(arena, fuel, fields);

	if (scan == NULL) {
		return NULL;
	}
	while (body.n > 0) {
		size_t n = cut > 0 ? cut : max > 0 ? 1 + random_below(&seed, max) : body.n;
		char *window;

		n = n < body.n ? n : body.n;
		cut = 0;
		window = test_malloc(n);
		memcpy(window, body.p, n);
		if (!mime_scan_feed(scan, (struct span){ window, n })) {
			test_free(window);
			return NULL;
		}
		test_free(window);
		body.p += n;
		body.n -= n;
	}
	return mime_scan_end(scan);
}

static void tell_bytes(char *told, const char *what, struct span body, uint64_t begin, uint64_t end)
{
	assert_true(begin <= end && end <= body.n);
	add_text(told, TOLD_MAX, " %s[", what);
	for (uint64_t i = begin; i < end; i++) {
		if (body.p[i] != '\r') {
			add_text(told, TOLD_MAX, "%c", body.p[i] == '\n' ? '~' : body.p[i]);
		}
	}
	add_text(told, TOLD_MAX, "]");
}

/* depth type, fields, prologue and epilogue of a multipart, else the body. */
static void tell(char *told, const struct parts *parts, struct span body)
{
	told[0] = '\0';
	assert_int_equal(parts->end, body.n);
	for (size_t i = 0; i < parts->n; i++) {
		const struct part *part = &parts->list[i];
		const struct part *last = part + part->n_inside;

		assert_true(last < parts->list + parts->n && (i > 0) == (part->parent != NULL));
		assert_true(part->parent == NULL ||
			    (part->parent < part && last <= part->parent + part->parent->n_inside &&
				part->depth == part->parent->depth + 1 &&
				part->header_begin >= part->parent->begin &&
				part->end <= part->parent->end));
		add_text(told, TOLD_MAX, "%u %.*s %zu", part->depth, (int)part->type.first.n,
		    part->type.first.p, part->fields->n);
		if (part->is_multipart) {
			tell_bytes(told, "pro", body, part->begin, part->prologue_end);
			tell_bytes(told, "epi", body, part->epilogue_begin, part->end);
		} else {
			assert_int_equal(part->prologue_end, part->begin);
			assert_int_equal(part->epilogue_begin, part->end);
			tell_bytes(told, part->is_message ? "message" : "is", body, part->begin,
			    part->end);
		}
		add_text(told, TOLD_MAX, "\n");
	}
	if (parts->is_cut) {
		add_text(told, TOLD_MAX, "cut\n");
	}
}

#define MIXED "Content-Type: multipart/mixed; boundary=b\n\n"

static const struct {
	const char *message, *told;
} cases[] = {
	{ "", "0 text/plain 0 is[]\n" },
	{ "A: b\n\nbody\n--b\n", "0 text/plain 1 is[body~--b~]\n" },
	{ MIXED "pro\n\n--b\n\none\n--b\nContent-Type: text/html\nX: y\n\n<p>\n\n--b--\nepi\n",
	    "0 multipart/mixed 1 pro[pro~] epi[epi~]\n1 text/plain 0 is[one]\n1 text/html 2 "
	    "is[<p>~]\n" },
	{ MIXED "--b\n\none\n--b--", "0 multipart/mixed 1 pro[] epi[]\n1 text/plain 0 is[one]\n" },
	/* Ends are missing, of headers, of lines, of all. */
	{ MIXED, "0 multipart/mixed 1 pro[] epi[]\n" },
	{ MIXED "no boundary\n", "0 multipart/mixed 1 pro[no boundary~] epi[]\n" },
	{ MIXED "--b", "0 multipart/mixed 1 pro[] epi[]\n" },
	{ MIXED "--b\n", "0 multipart/mixed 1 pro[] epi[]\n1 text/plain 0 is[]\n" },
	{ MIXED "--b\nX: y", "0 multipart/mixed 1 pro[] epi[]\n1 text/plain 1 is[]\n" },
	{ MIXED "--b\nX: y\n--b\nZ: z\n\n--b\n\n\n--b--",
	    "0 multipart/mixed 1 pro[] epi[]\n1 text/plain 1 is[]\n1 text/plain 1 is[]\n1 "
	    "text/plain 0 is[]\n" },
	{ MIXED "--b\n--b\n\nx\n",
	    "0 multipart/mixed 1 pro[] epi[]\n1 text/plain 0 is[]\n1 text/plain 0 is[x~]\n" },
	/* A boundary is the beginning of a line, and all behind it is passed over. */
	{ MIXED "--b \t\n\n --b\n-b\nx--b\n--B\n--\n-\n--b rubbish\n\ny\n--b--x\n--b\n",
	    "0 multipart/mixed 1 pro[] epi[--b~]\n1 text/plain 0 is[ --b~-b~x--b~--B~--~-]\n1 "
	    "text/plain 0 is[y]\n" },
	/* Inside of each other: the outer one ends the inner one; the longer one is meant. */
	{ MIXED "--b\nContent-Type: multipart/alternative; "
		"boundary=\"bc\"\n\npro\n--bc\n\none\n--bc--\nepi\n--b\n\ntwo\n--b--\n",
	    "0 multipart/mixed 1 pro[] epi[]\n1 multipart/alternative 1 pro[pro] epi[epi]\n2 "
	    "text/plain 0 is[one]\n"
	    "1 text/plain 0 is[two]\n" },
	{ MIXED "--b\nContent-Type: multipart/x; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--c\n",
	    "0 multipart/mixed 1 pro[] epi[]\n1 multipart/x 1 pro[] epi[]\n2 text/plain 0 is[one]\n"
	    "1 text/plain 0 is[two~--c~]\n" },
	{ MIXED "--b\nContent-Type: multipart/x; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n",
	    "0 multipart/mixed 1 pro[] epi[]\n1 multipart/x 1 pro[] epi[]\n2 text/plain 0 "
	    "is[one]\n1 text/plain 0 is[two~]\n" },
	/* Without a boundary that can be used. */
	{ "Content-Type: multipart/mixed\n\n--\n\nx\n", "0 multipart/mixed 1 pro[--~~x~] epi[]\n" },
	{ "Content-Type: multipart/mixed; boundary=\"b \"\n\n--b\n\nx",
	    "0 multipart/mixed 1 pro[] epi[]\n1 text/plain 0 is[x]\n" },
	/* Messages in messages. */
	{ "Content-Type: message/rfc822\n\nA: b\nC: d\n\nbody\n",
	    "0 message/rfc822 1 message[A: b~C: d~~body~]\n1 text/plain 2 is[body~]\n" },
	{ "Content-Type: message/global\n\n",
	    "0 message/global 1 message[]\n1 text/plain 0 is[]\n" },
	{ MIXED "--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/x; "
		"boundary=c\n\n--c\n\none\n--b\n\ntwo\n",
	    "0 multipart/mixed 1 pro[] epi[]\n1 message/rfc822 1 message[Content-Type: "
	    "multipart/x; boundary=c~~--c~~one]\n"
	    "2 multipart/x 1 pro[] epi[]\n3 text/plain 0 is[one]\n1 text/plain 0 is[two~]\n" },
	{ MIXED "--b\nContent-Type: message/rfc822\n--b\n",
	    "0 multipart/mixed 1 pro[] epi[]\n1 message/rfc822 1 message[]\n"
	    "2 text/plain 0 is[]\n1 text/plain 0 is[]\n" },
	{ MIXED
	    "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTog\n--b--\n",
	    "0 multipart/mixed 1 pro[] epi[]\n1 message/rfc822 2 is[QTog]\n" },
	{ "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\none\n--b\nContent-Type: "
	  "text/html\n\ntwo\n--b--\n",
	    "0 multipart/digest 1 pro[] epi[]\n1 message/rfc822 0 message[A: b~~one]\n2 text/plain "
	    "1 is[one]\n"
	    "1 text/html 1 is[two]\n" },
	{ MIXED "--b\nContent-Type: message/rfc822\n\nA: b\n\n--b\n\nx",
	    "0 multipart/mixed 1 pro[] epi[]\n1 message/rfc822 1 message[A: b~~]\n2 text/plain 1 "
	    "is[]\n1 text/plain 0 is[x]\n" },
	/* What cannot be read is text. */
	{ "Content-Type: rubbish; boundary=b\n\n--b\n\nx\n", "0 text/plain 1 is[--b~~x~]\n" },
};

/* LF and CRLF, cut at each byte, and byte by byte. */
static void test_structure(void **state)
{
	for (size_t i = 0; i < LENGTH(cases) * 2; i++) {
		const char *from = cases[i / 2].message;
		char message[1024], told[TOLD_MAX];
		struct span body;
		size_t n = 0;

		for (; *from != '\0'; from++) {
			if (*from == '\n' && i % 2 == 1) {
				message[n++] = '\r';
			}
			message[n++] = *from;
		}
		message[n] = '\0';
		body = body_of(message);
		for (size_t cut = 0; cut <= body.n + 1; cut++) {
			struct fuel fuel = { .left = 10000 };
			struct arena arena;
			const struct parts *parts;

			arena_init(&arena, 1 << 20);
			parts = scan(&arena, &fuel, (struct span){ message, n - body.n }, body,
			    cut > body.n ? 0 : cut, cut > body.n ? 1 : 0);
			assert_non_null(parts);
			tell(told, parts, body);
			expect_text(message, told, cases[i / 2].told);
			arena_deinit(&arena);
		}
	}
}

static void test_kind(void **state)
{
	static const char message[] =
	    MIXED "--b\nContent-Transfer-Encoding: Base64 (x)\n\n\n--b\n"
		  "Content-Type: text/x; charset=UTF-8\n"
		  "Content-Transfer-Encoding:\n quoted-printable\n\n\n--b--\n";
	struct fuel fuel = { .left = 10000 };
	struct span body = body_of(message), charset;
	const struct parts *parts;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	parts =
	    scan(&arena, &fuel, (struct span){ message, sizeof(message) - 1 - body.n }, body, 0, 0);
	assert_int_equal(parts->n, 3);
	assert_int_equal(parts->list[0].transfer, TRANSFER_PLAIN);
	assert_int_equal(parts->list[1].transfer, TRANSFER_BASE64);
	assert_int_equal(parts->list[2].transfer, TRANSFER_QUOTED_PRINTABLE);
	charset = mime_value_find(&parts->list[1].type, "charset");
	expect_bytes("by default", charset.p, charset.n, "us-ascii", 8);
	charset = mime_value_find(&parts->list[2].type, "charset");
	expect_bytes("as it says", charset.p, charset.n, "UTF-8", 5);
	arena_deinit(&arena);
}

/* Random messages of pieces that mean something, whole and in random windows. */
static void test_random(void **state)
{
	static const char *const pieces[] = { "--b", "--b--", "--bb", "--c", "\n", "\r\n", "\n\n",
		"-", "x", "\r", "A: b\n", "Content-Type: multipart/x; boundary=bb\n\n",
		"Content-Type: multipart/digest; boundary=c\r\n\r\n",
		"Content-Type: message/rfc822\n\n", "Content-Type: multipart/y; boundary=b\n\n" };
	uint64_t seed = 7;

	for (unsigned i = 0; i < 3000; i++) {
		char message[2000] = MIXED, want[TOLD_MAX * 4], got[TOLD_MAX * 4];
		size_t n = strlen(message), n_pieces = random_below(&seed, 40);
		struct span body;

		for (size_t k = 0; k < n_pieces; k++) {
			const char *piece = pieces[random_below(&seed, LENGTH(pieces))];

			memcpy(message + n, piece, strlen(piece) + 1);
			n += strlen(piece);
		}
		body = (struct span){ message + strlen(MIXED), n - strlen(MIXED) };
		for (unsigned run = 0; run < 4; run++) {
			struct fuel fuel = { .left = 100000 };
			struct arena arena;
			const struct parts *parts;

			arena_init(&arena, 2 << 20);
			parts = scan(
			    &arena, &fuel, (struct span){ message, strlen(MIXED) }, body, 0, run);
			assert_non_null(parts);
			/* What they say of bytes would be too long for a text. */
			got[0] = '\0';
			for (size_t k = 0; k < parts->n; k++) {
				const struct part *part = &parts->list[k];

				add_text(got, sizeof(got), "%.*s %u %zu %zu %d %d %d %d %d %d\n",
				    (int)part->type.first.n, part->type.first.p, part->depth,
				    part->n_inside, part->fields->n, (int)part->header_begin,
				    (int)part->begin, (int)part->end, (int)part->prologue_end,
				    (int)part->epilogue_begin, part->is_message);
			}
			arena_deinit(&arena);
			if (run == 0) {
				memcpy(want, got, sizeof(want));
			}
			expect_text(message, got, want);
		}
	}
}

/* Runs a message whose body is made by a function and is not kept. Returns how much the arena holds. */
static size_t run_large(const char *header, const char *const *pieces, size_t n_repeated,
    const struct parts **parts_r, struct arena *arena, struct fuel *fuel)
{
	struct fields *fields = fields_parse(arena, fuel, (struct span){ header, strlen(header) });
	struct mime_scan *scan = mime_scan_new(arena, fuel, fields);

	assert_non_null(scan);
	for (size_t i = 0; i < n_repeated; i++) {
		for (size_t k = 0; pieces[k] != NULL; k++) {
			assert_true(
			    mime_scan_feed(scan, (struct span){ pieces[k], strlen(pieces[k]) }));
		}
	}
	*parts_r = mime_scan_end(scan);
	return arena->used;
}

static void test_limits(void **state)
{
	static const char multipart[] = "Content-Type: multipart/x; boundary=b\n\n";
	char *header = test_malloc(1 << 19), *value = test_malloc(1 << 16);
	const struct {
		const char *header;
		const char *const *pieces;
		size_t n;
		size_t n_parts;
		unsigned depth; /* of the last */
	} limits[] = {
		{ multipart, (const char *const[]){ "--b\n\n", NULL }, 5000, MIME_PARTS_MAX, 1 },
		{ multipart, (const char *const[]){ "--b\n", multipart, NULL }, 100, 101,
		    MIME_DEPTH_MAX },
		{ "Content-Type: message/rfc822\n\n",
		    (const char *const[]){ "Content-Type: message/rfc822\n\n", NULL }, 100,
		    MIME_DEPTH_MAX + 1, MIME_DEPTH_MAX },
		/* Headers of three megabytes: one, and many, of short fields and of one long one. */
		{ multipart,
		    (const char *const[]){
			"--b\n", header, header, header, header, header, header, "\n", NULL },
		    1, 2, 1 },
		{ multipart, (const char *const[]){ "--b\n", header, "\n", NULL }, 6, 7, 1 },
		{ multipart, (const char *const[]){ "--b\n", value, "\n\n", NULL }, 50, 51, 1 },
	};

	for (size_t i = 0; i < 1 << 19; i++) {
		header[i] = "a:\n"[i % 3];
	}
	header[(1 << 19) - 2] = '\0'; /* behind a line */
	memset(value, '\377', 1 << 16);
	memcpy(value, "Content-Type: a/b; c=", 21);
	value[(1 << 16) - 1] = '\0';
	for (size_t i = 0; i < LENGTH(limits); i++) {
		struct fuel fuel = { .left = 40 << 20 };
		const struct parts *parts;
		struct arena arena;

		arena_init(&arena, 8 << 20);
		assert_true(run_large(limits[i].header, limits[i].pieces, limits[i].n, &parts,
				&arena, &fuel) < 6 << 20);
		assert_non_null(parts);
		assert_true(parts->is_cut);
		assert_int_equal(parts->n, limits[i].n_parts);
		assert_int_equal(parts->list[parts->n - 1].depth, limits[i].depth);
		arena_deinit(&arena);
	}
	test_free(header);
	test_free(value);
}

/* With too little fuel it ends, wherever that is. */
static void test_fuel(void **state)
{
	static const char message[] = MIXED "--b\n\nx\n--b--\n";
	struct span body = body_of(message);
	unsigned n_failed = 0;

	for (uint64_t left = 60; left < 400; left++) {
		struct fuel fuel = { .left = left };
		struct arena arena;

		arena_init(&arena, 1 << 20);
		if (scan(&arena, &fuel, (struct span){ message, sizeof(message) - 1 - body.n },
			body, 0, 3) == NULL) {
			assert_true(fuel.is_empty);
			n_failed++;
		}
		arena_deinit(&arena);
		if (fuel.left > 0) {
			assert_true(n_failed > 0);
			return;
		}
	}
	fail_msg("it wants more than there is reason for");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_kind),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_fuel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
