/* SPDX-License-Identifier: MIT
 * Fuzz target of headers, as sieve/ reads them: an input is a header. Its fields are parts of it, one behind the other, and
 * what they say is bounded, unfolded and, as text, valid UTF-8. Addresses and dates that are found can be written and read
 * again. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "mail/addresses.h"
#include "mail/calendar.h"
#include "mail/charset.h"
#include "mail/encoded.h"
#include "mail/fields.h"
#include "mail/mime.h"

static bool is_same(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static void check_addresses(struct span value, struct arena *arena, struct fuel *fuel)
{
	struct mail_address *list, *again;
	size_t n, n_again;

	fuzz_require(
	    addresses_parse(value, arena, fuel, &list, &n), "there is memory for addresses");
	fuzz_require(n <= ADDRESSES_MAX, "there are not too many");
	for (size_t i = 0; i < n; i++) {
		const struct mail_address *address = &list[i];
		struct span detail = address_part_of(address, ADDRESS_DETAIL, "+-");
		struct span user = address_part_of(address, ADDRESS_USER, "+-");

		fuzz_require(address->local.n > 0, "somebody is named");
		fuzz_require(
		    !text_has_control(address->text.p, address->text.n), "without control bytes");
		fuzz_require(utf8_is_valid(address->text.p, address->text.n), "in UTF-8");
		fuzz_require(user.n + (detail.p == NULL ? 0 : detail.n + 1) == address->local.n,
		    "user and detail are the local part");
		fuzz_require(addresses_parse(address->text, arena, fuel, &again, &n_again) &&
				 n_again == 1 && is_same(again->local, address->local) &&
				 is_same(again->domain, address->domain) &&
				 is_same(again->text, address->text),
		    "what was written is read again");
	}
}

static void check_of_script(struct span text, struct arena *arena)
{
	struct mail_address address, again;

	if (addresses_parse_one(text, true, arena, &address) == 0) {
		fuzz_require(address.local.n > 0 && address.domain.n > 0, "it has both parts");
		fuzz_require(addresses_parse_one(address.text, false, arena, &again) == 0 &&
				 is_same(again.text, address.text),
		    "it is one without its name");
	}
}

static void check_date(struct span value)
{
	struct moment moment, again;
	char text[CALENDAR_TEXT_MAX];

	if (calendar_parse(value, &moment)) {
		size_t n = calendar_write(&moment, CALENDAR_STD11, text);

		fuzz_require(n < sizeof(text), "a date has room");
		fuzz_require(
		    calendar_parse((struct span){ text, n }, &again) && again.zone == moment.zone,
		    "what was written is a date");
		/* At the ends of the years that are known, a zone may lead out of them. */
		fuzz_require(again.time == moment.time ||
				 moment.time - moment.zone < -2208988800 + 172800 ||
				 moment.time + moment.zone > 253402300799 - 172800,
		    "and the same");
	}
}

static void check_field(const struct field *field, struct arena *arena)
{
	struct fuel fuel = { .left = UINT32_MAX };
	struct span value = field_value(field, arena, &fuel),
		    text = field_text(field, arena, &fuel);
	struct mime_value mime;

	fuzz_require(field_name_is_valid(field->name), "a field has a name");
	if (value.p == NULL || text.p == NULL) {
		fuzz_end_broken("there is memory");
	}
	fuzz_require(value.n <= field->body.n && text.n <= CHARSET_GROWTH * value.n + ENCODED_ROOM,
	    "it does not grow");
	fuzz_require(value.n == 0 || (memchr(value.p, '\r', value.n) == NULL &&
					 memchr(value.p, '\n', value.n) == NULL),
	    "it is unfolded");
	fuzz_require(utf8_is_valid(text.p, text.n), "text is UTF-8");
	check_addresses(value, arena, &fuel);
	check_of_script(value, arena);
	check_date(value);
	fuzz_require(
	    mime_value_parse(value, arena, &fuel, &mime), "there is memory for parameters");
	fuzz_require(mime.n_parameters <= MIME_PARAMETERS_MAX, "there are not too many");
	for (size_t i = 0; i < mime.n_parameters; i++) {
		fuzz_require(utf8_is_valid(mime.parameters[i].value.p, mime.parameters[i].value.n),
		    "a parameter is UTF-8");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *header = fuzz_copy(data, n);
	struct fuel fuel = { .left = n };
	struct fields *fields;
	struct arena arena;
	const char *at;

	arena_init(&arena, 256 << 20);
	fields = fields_parse(&arena, &fuel, (struct span){ header, n });
	if (fields == NULL || fields->n > FIELDS_MAX) {
		fuzz_end_broken("there is memory for fields");
	}
	at = fields->n > 0 ? fields->list[0].raw.p : fields->rest.p;
	for (size_t i = 0; i < fields->n; i++) {
		fuzz_require(fields->list[i].raw.p == at, "a field follows another");
		at += fields->list[i].raw.n;
		fuzz_require(
		    fields->list[i].body.p + fields->list[i].body.n <= at, "and has its body");
		check_field(&fields->list[i], &arena);
		arena.max = arena.used + (256 << 20);
	}
	fuzz_require(at == fields->rest.p, "the rest is behind them");
	arena_deinit(&arena);
	free(header);
	return 0;
}
