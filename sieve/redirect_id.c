/* SPDX-License-Identifier: MIT
 * The id of a redirected message, as Pigeonhole makes it. A message that comes again by another way is another one: it may have been
 * sent again on purpose (RFC 5322 3.6.6), or come through a list (RFC 2919). */
#include "sieve/compose.h"
#include "sieve/send.h"

/* Adds the bytes of the first field of that name. Returns whether there is one. */
static bool add_field(struct composition *id, const struct fields *fields, const char *name)
{
	struct sieve_run *run = id->run;
	const struct field *field = fields_find(fields, span_of(name), 1, false);
	struct span bytes;

	if (field == NULL) {
		return false;
	}
	bytes = field_bytes(field, &run->scratch, &run->fuel);
	id->has_failed = id->has_failed || bytes.p == NULL;
	compose_bytes(id, bytes);
	return true;
}

/* Returns whether the message has an id. */
static bool add_message_id(struct composition *id, const struct fields *fields)
{
	struct sieve_run *run = id->run;
	const struct field *field = fields_find(fields, span_of("Message-ID"), 1, false);
	struct span text;

	if (field == NULL) {
		return false;
	}
	text = field_id(field, &run->scratch, &run->fuel);
	if (text.n == 0 && text.p != NULL) {
		/* It is none as it should be, and tells messages apart all the same. */
		text = field_value(field, &run->scratch, &run->fuel);
		text = text.n > 0 ? field_bytes(field, &run->scratch, &run->fuel) : text;
	}
	id->has_failed = text.p == NULL;
	compose_bytes(id, text);
	return id->has_failed || text.n > 0;
}

/* The domain of an address in a script is one in small letters. */
static void add_target(struct composition *id, struct span to)
{
	bool is_domain = false;

	for (size_t i = to.n; i > 0 && !is_domain; i--) {
		is_domain = to.p[i - 1] == '@';
		if (is_domain) {
			compose_bytes(id, (struct span){ to.p, i });
			to = (struct span){ to.p + i, to.n - i };
		}
	}
	for (size_t i = 0; i < to.n; i++) {
		char c = text_lower(to.p[i]);

		compose_bytes(id, (struct span){ &c, 1 });
	}
}

bool redirect_id(struct sieve_run *run, struct span to, struct span *id_r)
{
	const struct sieve_facts *facts = run->facts;
	const struct fields *fields = fields_parse(&run->scratch, &run->fuel, facts->header);
	struct composition id;

	*id_r = (struct span){ "", 0 };
	if (fields == NULL) {
		return false;
	}
	compose_begin(&id, run);
	if (!add_message_id(&id, fields)) {
		return true;
	}
	compose_text(&id, "-");
	compose_bytes(&id, facts->original_to.n > 0 ? facts->original_to : facts->to);
	compose_text(&id, "-");
	add_target(&id, to);
	compose_text(&id, "-");
	if (!add_field(&id, fields, "Resent-Message-ID")) {
		add_field(&id, fields, "Resent-From");
	}
	compose_text(&id, "-");
	add_field(&id, fields, "List-Id");
	return compose_end(&id, id_r);
}
