/* SPDX-License-Identifier: MIT
 * An envelope owns what it is given, keeps its order, and forgets all but the client at the end of a
 * transaction. That nothing leaks is for the address sanitizer to see. */
#include "mail/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static void add(struct envelope *envelope, const char *text, size_t n_detail)
{
	struct recipient *recipient = recipient_new(text, strlen(text));

	assert_non_null(recipient);
	assert_int_equal(address_from_text(&recipient->address, text, strlen(text)), ADDRESS_OK);
	recipient->n_detail = n_detail;
	recipient->resolution.mailboxes = calloc(1, sizeof(struct mailbox));
	recipient->resolution.n_mailboxes = 1;
	envelope_add(envelope, recipient);
}

static void test_transactions(void **state)
{
	static const char *const texts[] = { "b+x@d", "a@d", "b+x@d" };
	struct envelope envelope;

	envelope_init(&envelope);
	envelope.client = strdup("client");
	for (unsigned round = 0; round < 2; round++) {
		struct recipient *recipient;
		size_t n = 0;

		envelope.sender = strdup("");
		envelope.n_mailboxes = 7;
		for (size_t i = 0; i < LENGTH(texts); i++) {
			add(&envelope, texts[i], 0);
		}
		assert_int_equal(envelope.n_recipients, LENGTH(texts));
		STAILQ_FOREACH (recipient, &envelope.recipients, next) {
			assert_int_equal(recipient->reply, 0);
			expect_text(
			    "order", recipient->text, n < LENGTH(texts) ? texts[n] : "no more");
			n++;
		}
		assert_int_equal(n, LENGTH(texts));
		assert_false(envelope.is_utf8);
		add(&envelope, "\303\251@d", 0);
		add(&envelope, "a@d", 0);
		assert_true(envelope.is_utf8);
		envelope_clear(&envelope);
		assert_false(envelope.is_utf8);
		assert_null(envelope.sender);
		assert_true(STAILQ_EMPTY(&envelope.recipients));
		assert_int_equal(envelope.n_recipients + envelope.n_mailboxes, 0);
		expect_text("client", envelope.client, "client");
	}
	envelope_deinit(&envelope);
	assert_null(envelope.client);
}

static void test_detail(void **state)
{
	struct envelope envelope;
	const struct recipient *recipient;

	envelope_init(&envelope);
	add(&envelope, "user+lists@example.com", strlen("+lists"));
	recipient = STAILQ_FIRST(&envelope.recipients);
	expect_bytes("detail", recipient_detail(recipient), recipient->n_detail, "+lists", 6);
	envelope_deinit(&envelope);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transactions),
		cmocka_unit_test(test_detail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
