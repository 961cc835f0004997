/* SPDX-License-Identifier: MIT
 * The answer of vacation: to whom, about what, and as a reply (RFC 5230 5, RFC 3834 3). */
#include "sieve/vacation.h"

#include <string.h>

#include "sieve/compose.h"

/* Whom the header names as the one that is answered, with the name. */
static bool find_sender(struct sieve_run *run, struct mail_address *address_r)
{
	static const char *const fields[] = { "Sender", "Resent-From", "From" };

	*address_r = (struct mail_address){ .text = run->facts->from };
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *field = fields_find(run->fields, span_of(fields[i]), 1, false);
		struct mail_address *list;
		struct span value;
		size_t n;

		if (field == NULL) {
			continue;
		}
		value = field_text(field, &run->scratch, &run->fuel);
		if (value.p == NULL ||
		    !addresses_parse(value, &run->scratch, &run->fuel, &list, &n)) {
			return false;
		}
		for (size_t j = 0; j < n; j++) {
			if (run->settings->vacation_ignores_envelope ||
			    span_is_same(list[j].text, run->facts->from)) {
				*address_r = list[j];
				return true;
			}
		}
	}
	return true;
}

static void put_subject(struct composition *out, const struct vacation *vacation)
{
	struct sieve_run *run = out->run;
	const struct field *field = fields_find(run->fields, span_of("Subject"), 1, false);
	const char *template = run->settings->vacation_subject_template[0] != '\0'
				   ? run->settings->vacation_subject_template
				   : sieve_defaults.vacation_subject_template;
	const char *place = strstr(template, "%$");
	struct composition subject;
	struct span value =
	    span_of(run->settings->vacation_subject[0] != '\0' ? run->settings->vacation_subject
							       : sieve_defaults.vacation_subject);

	if (vacation->has_subject) {
		value = vacation->subject;
	} else if (field != NULL) {
		value = field_text(field, &run->scratch, &run->fuel);
		compose_begin(&subject, run);
		compose_bytes(
		    &subject, (struct span){ template,
				  place != NULL ? (size_t)(place - template) : strlen(template) });
		if (place != NULL) {
			compose_bytes(&subject, value);
			compose_text(&subject, place + 2);
		}
		out->has_failed =
		    out->has_failed || value.p == NULL || !compose_end(&subject, &value);
	}
	if (!out->has_failed) {
		compose_field(out, "Subject", compose_cut(out, value));
	}
}

/* RFC 5230 5.8: what the message refers to, and it. */
static void put_references(struct composition *out)
{
	struct sieve_run *run = out->run;
	const struct field *id = fields_find(run->fields, span_of("Message-ID"), 1, false);
	const struct field *old = fields_find(run->fields, span_of("References"), 1, false);
	struct span id_value = { "", 0 }, old_value = { "", 0 }, all;
	struct composition references;

	if (id != NULL) {
		id_value = field_value(id, &run->scratch, &run->fuel);
	}
	if (old != NULL) {
		old_value = field_value(old, &run->scratch, &run->fuel);
	}
	compose_begin(&references, run);
	if (id_value.p == NULL || old_value.p == NULL) {
		out->has_failed = true;
		return;
	}
	compose_bytes(&references, old_value);
	if (id_value.n > 0) {
		compose_field(out, "In-Reply-To", id_value);
		compose_text(&references, old_value.n > 0 ? " " : "");
		compose_bytes(&references, id_value);
	}
	out->has_failed = out->has_failed || !compose_end(&references, &all);
	if (!out->has_failed && all.n > 0) {
		compose_field(out, "References", all);
	}
}

bool vacation_compose(
    struct sieve_run *run, const struct vacation *vacation, struct span own, struct span *message_r)
{
	struct mail_address from = { .text = own }, to;
	struct composition out;

	if (vacation->has_from &&
	    address_of_script(vacation->from, true, &run->scratch, &from) < 0) {
		return false;
	}
	if (!find_sender(run, &to)) {
		return false;
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
	return compose_end(&out, message_r);
}
