/* SPDX-License-Identifier: MIT
 * Placeholders of Postfix and Dovecot in lmtpd's form, and what has none. */
#include "adopt/template.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static const struct {
	enum template_dialect dialect;
	const char *text, *want; /* NULL: refused */
} cases[] = {
	/* Postfix */
	{ TEMPLATE_POSTFIX, "a = '%s'", "a = '%u'" },
	{ TEMPLATE_POSTFIX, "a = \"%S\" AND b='%u' AND c='%D'",
	    "a = \"%u\" AND b='%n' AND c='%d'" },
	{ TEMPLATE_POSTFIX, "a = %s", "a = %u" },
	{ TEMPLATE_POSTFIX, "a = '%u@%d'", "a = CONCAT('%n', '@', '%d')" },
	{ TEMPLATE_POSTFIX, "a = '@%d'", "a = CONCAT('@', '%d')" },
	{ TEMPLATE_POSTFIX, "a = '%u%d'", "a = CONCAT('%n', '%d')" },
	{ TEMPLATE_POSTFIX, "a = 'it''s %u'", "a = CONCAT('it''s ', '%n')" },
	{ TEMPLATE_POSTFIX, "a = '\\'%s\\''", "a = CONCAT('\\'', '%u', '\\'')" },
	{ TEMPLATE_POSTFIX, "a LIKE '%%x'", "a LIKE '%%x'" },
	{ TEMPLATE_POSTFIX, "a LIKE '%%%d'", "a LIKE CONCAT('%%', '%d')" },
	{ TEMPLATE_POSTFIX, "a = ''", "a = ''" },
	{ TEMPLATE_POSTFIX, "", "" },
	{ TEMPLATE_POSTFIX, "`it's` = '%s'", "`it's` = '%u'" },
	{ TEMPLATE_POSTFIX, "`a%d` = '%s'", NULL },
	{ TEMPLATE_POSTFIX, "`a = '%s'", NULL },
	{ TEMPLATE_POSTFIX, "a = '%2'", NULL },
	{ TEMPLATE_POSTFIX, "a = '%x'", NULL },
	{ TEMPLATE_POSTFIX, "a = '%s", NULL },
	{ TEMPLATE_POSTFIX, "a = '%'", NULL },
	{ TEMPLATE_POSTFIX, "a = %", NULL },
	{ TEMPLATE_POSTFIX, "a = '\\", NULL },
	{ TEMPLATE_POSTFIX_DOMAIN, "a = '%s' OR a = '%u'", "a = '%d' OR a = '%d'" },
	{ TEMPLATE_POSTFIX_DOMAIN, "a = '%d'", NULL },

	/* Dovecot 2.3 */
	{ TEMPLATE_DOVECOT_23, "a = '%u' AND b = '%n' AND c = '%d'",
	    "a = '%u' AND b = '%n' AND c = '%d'" },
	{ TEMPLATE_DOVECOT_23, "a = '%Lu' AND b = '%{username}' AND c = '%{domain}'",
	    "a = '%u' AND b = '%n' AND c = '%d'" },
	{ TEMPLATE_DOVECOT_23, "a = '%n@%d' AND b LIKE '%%'",
	    "a = CONCAT('%n', '@', '%d') AND b LIKE '%%'" },
	{ TEMPLATE_DOVECOT_23, "a = '%s' AND b = '%{rip}'", "a = '%s' AND b = '%r'" },
	{ TEMPLATE_DOVECOT_23, "a = '%l'", NULL },
	{ TEMPLATE_DOVECOT_23, "a = '%{lip}'", NULL },
	{ TEMPLATE_DOVECOT_23, "a = '%Uu'", NULL },
	{ TEMPLATE_DOVECOT_23, "a = '%L", NULL },
	{ TEMPLATE_DOVECOT_23, "a = '%{user", NULL },
	{ TEMPLATE_DOVECOT_23, "a = '%{", NULL },

	/* Dovecot 2.4 */
	{ TEMPLATE_DOVECOT_24, "a = '%{user}' AND b = '%{user|username}'",
	    "a = '%u' AND b = '%n'" },
	{ TEMPLATE_DOVECOT_24, "c = '%{user | domain | lower}'", "c = '%d'" },
	{ TEMPLATE_DOVECOT_24, "c = '%{user | username}@%{user | domain}' AND b LIKE 'x%'",
	    "c = CONCAT('%n', '@', '%d') AND b LIKE 'x%%'" },
	{ TEMPLATE_DOVECOT_24, "a = '%u'", NULL },
	{ TEMPLATE_DOVECOT_24, "a = '%{user | upper}'", NULL },
	{ TEMPLATE_DOVECOT_24, "a = '%{protocol}' AND b='%{remote_ip}'", "a = '%s' AND b='%r'" },
	{ TEMPLATE_DOVECOT_24, "a = '%{local_ip}'", NULL },
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct error error = { "" };
		char *got = template_translate(cases[i].text, cases[i].dialect, &error);

		if (cases[i].want == NULL) {
			expect_text(cases[i].text, got == NULL ? "refused" : got, "refused");
			assert_int_not_equal(error.text[0], '\0');
		} else {
			expect_text(cases[i].text, got == NULL ? error.text : got, cases[i].want);
		}
		free(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
