/* SPDX-License-Identifier: MIT
 * Conversations as tables of text: what the client sends, and every byte that comes back. */
#pragma once

#include "tests/models/edge.h"

enum conversation_event {
	CONVERSATION_END,       /* no event: the client has sent all */
	CONVERSATION_SHUT_DOWN, /* the daemon ends, once all of input is dealt with */
	CONVERSATION_TIME_OUT,  /* the client was silent there */
};

struct conversation {
	const char *name;
	const struct lmtp_settings *settings; /* NULL: edge_settings */
	struct text input;
	enum conversation_event event;
	struct text more;   /* sent behind the event */
	const char *output; /* all of it */
	const char *events; /* see struct edge; NULL: whatever they are, they are always the same */
};

/* Runs each conversation whole, cut in two at every byte, and byte by byte, with look-ups answered at
 * once, in reverse order at the end and in any order, and with several sizes of the body's buffer:
 * the output must be the one of the table each time. */
void check_conversations(const struct conversation *conversations, size_t n);

/* A limit that is soon met; its sessions begin with OPENED_10. */
extern const struct lmtp_settings conversation_ten_bytes;

/* One that is made at run time, of texts without NUL. */
void check_exchange(const struct lmtp_settings *settings, const char *name, const char *input,
    const char *output, const char *events);

/* What the tables are written with. */
#define OPEN            LHLO MAIL RCPT("user")
#define OPENED          HELLO SENDER_OK RCPT_OK("user")
#define DELIVERED(body) "begin\ndeliver user@example.com\nbody " body "\n"
#define GREETING        "220 mx.example.com LMTP lmtpd ready\r\n"
#define LHLO            "LHLO client.example.org\r\n"
#define CAPABILITIES(size)                         \
	"250-mx.example.com\r\n250-PIPELINING\r\n" \
	"250-8BITMIME\r\n250-SMTPUTF8\r\n"         \
	"250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250 SIZE " size "\r\n"
#define HELLO                       GREETING CAPABILITIES("0")
#define MAIL                        "MAIL FROM:<s@example.org>\r\n"
#define SENDER_OK                   "250 2.1.0 OK\r\n"
#define RCPT(user)                  "RCPT TO:<" user "@example.com>\r\n"
#define RCPT_OK(user)               "250 2.1.5 <" user "@example.com> OK\r\n"
#define NO_USER(user)               "550 5.1.1 <" user "@example.com> User doesn't exist\r\n"
#define START                       "354 End data with <CR><LF>.<CR><LF>\r\n"
#define SAVED(user)                 SAVED_AS("1", user)
#define SAVED_AS(transaction, user) "250 2.0.0 <" user "@example.com> S1." transaction " Saved\r\n"
#define TOO_BIG(user)               "552 5.3.4 <" user "@example.com> Message too big\r\n"
#define OK                          "250 2.0.0 OK\r\n"
#define CHUNK_OK                    "250 2.0.0 Chunk received\r\n"
#define BYE                         "221 2.0.0 Bye\r\n"
#define BAD_ORDER                   "503 5.5.1 Wrong order of commands\r\n"
#define BAD_LINE                    "500 5.5.2 Line too long, or with a lone CR, LF or NUL\r\n"
#define UNKNOWN                     "500 5.5.1 Unknown command\r\n"
#define BAD_ARGUMENT                "501 5.5.4 Bad argument\r\n"
#define BAD_PARAMETER               "555 5.5.4 Unsupported parameter\r\n"
#define BAD_SENDER                  "553 5.1.7 Bad sender address\r\n"
#define TOO_MANY_ERRORS             "421 4.7.0 mx.example.com Too many errors\r\n"
#define SHUTTING_DOWN               "421 4.3.2 mx.example.com Shutting down\r\n"
#define OPENED_10                   GREETING CAPABILITIES("10") SENDER_OK RCPT_OK("user")
#define DROPPED                     "begin\nrefused 552 user@example.com\nabandon\n"
#define IDLE                        "421 4.4.2 mx.example.com Idle for too long\r\n"
