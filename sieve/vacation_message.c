/* SPDX-License-Identifier: MIT
 * The answer of vacation: to whom, about what, and as a reply (RFC 5230 5, RFC 3834 3). */
#include "sieve/vacation.h"

#include <string.h>

#include "sieve/compose.h"

/* Whom the header names as the one that is answered, with the name. */
static struct mail_address find_sender(struct sieve_run *run)
{
	static const char *const fields[] = { "Sender", "Resent-From", "From" };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct span value = run_field(run, span_of(fields[i]), field_text);
		struct mail_address *list;
		size_t n;

		addresses_parse(value, &run->scratch, &run->fuel, &list, &n);
		for (size_t j = 0; j < n; j++) {
			if (run->settings->vacation_ignores_envelope ||
			    span_is_same(list[j].text, run->facts->from)) {
				return list[j];
			}
		}
	}
	return (struct mail_address){ .text = run->facts->from };
}

static void put_subject(struct composition *out, const struct vacation *vacation)
{
	struct sieve_run *run = out->run;
	const struct span old = run_field(run, span_of("Subject"), field_text);
	const char *template = run->settings->vacation_subject_template[0] != '\0'
				   ? run->settings->vacation_subject_template
				   : sieve_defaults.vacation_subject_template;
	const char *place = strstr(template, "%$");
	struct composition subject;
	struct span value =
	    span_of(run->settings->vacation_subject[0] != '\0' ? run->settings->vacation_subject
							       : sieve_defaults.vacation_subject);

	if (vacation->has_subject && vacation->subject.n > 0) {
		value = vacation->subject;
	} else if (old.p != NULL) {
		compose_begin(&subject, run);
		compose_bytes(
		    &subject, (struct span){ template,
				  place != NULL ? (size_t)(place - template) : strlen(template) });
		if (place != NULL) {
			compose_bytes(&subject, old);
			compose_text(&subject, place + 2);
		}
		compose_end(&subject, &value);
	}
	compose_field(out, "Subject", compose_cut(out, value));
}

/* RFC 5230 5.8: what the message refers to, and it. */
static void put_references(struct composition *out)
{
	struct sieve_run *run = out->run;
	struct span id = run_field(run, span_of("Message-ID"), field_value),
		    old = run_field(run, span_of("References"), field_value), all;
	struct composition references;

	compose_begin(&references, run);
	compose_bytes(&references, old);
	if (id.n > 0) {
		compose_field(out, "In-Reply-To", id);
		compose_text(&references, old.n > 0 ? " " : "");
		compose_bytes(&references, id);
	}
	compose_end(&references, &all);
	if (all.n > 0) {
		compose_field(out, "References", all);
	}
}

struct span vacation_compose(
    struct sieve_run *run, const struct vacation *vacation, struct span own)
{
	struct mail_address from = { .text = own }, to = find_sender(run);
	struct composition out;
	struct span message;

	if (vacation->has_from) {
		addresses_parse_one(vacation->from, true, &run->scratch, &from);
	}
	compose_begin(&out, run);
	compose_head(&out);
	compose_address(&out, "From: ", &from);
	compose_address(&out, to.phrase.n > 0 ? "\r\nTo: " : "\r\nTo: <", &to);
	compose_text(&out, to.phrase.n > 0 ? "\r\n" : ">\r\n");
	put_subject(&out, vacation);
	put_references(&out);
	compose_text(&out, "Auto-Submitted: auto-replied (vacation)\r\nPrecedence: bulk\r\n"
			   "X-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n");
	if (!vacation->is_mime) {
		compose_text(&out, "Content-Type: text/plain; charset=utf-8\r\n"
				   "Content-Transfer-Encoding: 8bit\r\n\r\n");
	}
	compose_body(&out, vacation->reason);
	compose_end(&out, &message);
	return message;
}
