/* SPDX-License-Identifier: MIT
 * The client machine of SMTP (RFC 5321), for mail that is handed in to a server nearby: it says what to send, is fed with what
 * the server answers, and tells what became of each recipient. It knows no socket, clock or thread, and what it puts out does not
 * depend on how the server's bytes were cut.
 *
 * Extensions are used where the server offers them: PIPELINING (RFC 2920) for the envelope, CHUNKING (RFC 3030), 8BITMIME (RFC
 * 6152), SIZE (RFC 1870), SMTPUTF8 (RFC 6531). Content never goes out before a recipient was accepted, and not a byte behind a chunk
 * before that was: on a local connection this costs nothing, and what was refused is not sent.
 *
 * An outcome is "accepted" by the server's last word to the content alone, but where there is no content and the server is only asked.
 * Whatever ends the connection before it is "for a while", or, if all of the content had been sent, "unknown": whoever
 * sends it again then may send it twice, and who does not may lose it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/content.h"
#include "protocol/output.h"
#include "protocol/response.h"

enum {
	SUBMISSION_RECIPIENTS_MAX = 64,
	SUBMISSION_ADDRESS_MAX = 1000, /* octets of an address: command lines stay below 2048 */
	SUBMISSION_CHUNK = 32768,      /* octets of a chunk, but for the last */
};

enum submission_result {
	SUBMISSION_PENDING = 0, /* within the machine only */
	SUBMISSION_ACCEPTED,
	SUBMISSION_REFUSED, /* for good: the server says 5xx, or cannot take such a message at all */
	SUBMISSION_DEFERRED, /* for a while: 4xx, 421, no connection, or nothing that is SMTP */
	SUBMISSION_UNKNOWN,  /* nothing that is SMTP was said to all of the content */
};

/* What became of a recipient, in the words of the server or in our own (their code is 0). A server that greets with 5xx refuses the
 * connection, not the message: its result is DEFERRED all the same. */
struct submission_outcome {
	enum submission_result result;
	struct response_words words;
};

/* Lives as long as its transaction. Addresses are as on the wire, quoting kept, without angle brackets. */
struct submission_envelope {
	const char *sender; /* "" = the null sender */
	const char *const *recipients;
	size_t n_recipients; /* 1 to SUBMISSION_RECIPIENTS_MAX */
	uint64_t size;       /* n_wire of the whole content, see content.h */
	bool is_8bit;
	bool is_utf8; /* its header needs SMTPUTF8; what an address needs is seen here */
	/* Nothing is sent: the server is asked and the transaction taken back, and a recipient that it would take is
	 * ACCEPTED in its words. */
	bool is_question;
};

/* What the machine wants next; its output is to be sent before anything else. */
enum submission_want {
	SUBMISSION_INPUT,   /* nothing can go on before the server says more */
	SUBMISSION_READY,   /* no transaction is under way: begin one, or quit */
	SUBMISSION_CONTENT, /* give content, or end it */
	SUBMISSION_CLOSE,   /* the connection is over */
};

enum submission_phase {
	SUBMISSION_PHASE_GREETING,
	SUBMISSION_PHASE_EHLO,
	SUBMISSION_PHASE_HELO,
	SUBMISSION_PHASE_READY,
	SUBMISSION_PHASE_ENVELOPE,
	SUBMISSION_PHASE_DATA,    /* 354 is due */
	SUBMISSION_PHASE_CONTENT, /* nothing is due */
	SUBMISSION_PHASE_CHUNK,   /* the reply of a chunk */
	SUBMISSION_PHASE_FINAL,   /* the reply of the content */
	SUBMISSION_PHASE_RESET,
	SUBMISSION_PHASE_QUIT,
	SUBMISSION_PHASE_CLOSED,
};

struct submission {
	struct output output; /* the edge sends it */
	/* The server has answered MAIL: before that nothing of the transaction has happened. */
	bool has_answered;
	struct response_words end; /* why the connection is over */

	/* The rest is the machine's own. */
	const char *hostname;
	enum submission_phase phase;
	struct response response;
	bool has_pipelining, has_8bitmime, has_chunking, has_smtputf8, has_size;
	uint64_t size_max; /* 0: none */

	/* the transaction */
	const struct submission_envelope *envelope;
	struct submission_outcome *outcomes; /* of each recipient; NULL: there is none */
	uint64_t asked;                      /* a bit for each recipient that RCPT is said for */
	size_t
	    at; /* what the next reply answers: 0 for MAIL, else the number of a recipient and 1 */
	struct content content;
	size_t n_chunk;
	char chunk[SUBMISSION_CHUNK + CONTENT_ROOM];
};

/* The server speaks first. hostname is said in EHLO, and outlives the machine. */
void submission_init(struct submission *submission, const char *hostname);
void submission_deinit(struct submission *submission);

/* Feeds in[0..n): takes what was asked for, and no more, so call it again with the rest when the want was dealt with; n = 0
 * only asks what is wanted. */
enum submission_want submission_feed(
    struct submission *submission, const char *in, size_t n, size_t *n_taken_r);

/* SUBMISSION_READY, or SUBMISSION_CLOSE: then all outcomes tell the end of the connection. They are final when either is wanted
 * again; both arguments live until then. */
void submission_begin(struct submission *submission, const struct submission_envelope *envelope,
    struct submission_outcome *outcomes_r);

/* SUBMISSION_CONTENT: gives bytes with LF, CRLF or CR as line ends. Returns how many were taken; give the rest when content
 * is wanted again. */
size_t submission_content(struct submission *submission, const char *bytes, size_t n);

/* SUBMISSION_CONTENT: that was all. If its size is not the envelope's, the connection ends instead. */
void submission_content_end(struct submission *submission);

/* SUBMISSION_READY: says QUIT. */
void submission_quit(struct submission *submission);

/* The connection is over: it broke, or nobody waits any more. */
void submission_break(struct submission *submission, const char *why);

/* The same, because the server said something when nothing had been asked. */
void submission_break_by(struct submission *submission, const char *in, size_t n);
