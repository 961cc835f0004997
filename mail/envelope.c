/* SPDX-License-Identifier: MIT
 * Envelopes own their recipients, and a recipient what it was resolved to. Pure: no state, any
 * thread. */
#include "mail/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct recipient *recipient_new(const char *text, size_t n)
{
	struct recipient *recipient = calloc(1, sizeof(*recipient) + n + 1);

	if (recipient != NULL && n > 0) {
		memcpy(recipient->text, text, n);
	}
	return recipient;
}

void recipient_free(struct recipient *recipient)
{
	if (recipient != NULL) {
		resolution_deinit(&recipient->resolution);
		free(recipient->said);
		free(recipient);
	}
}

void recipients_free(struct recipients *list)
{
	struct recipient *recipient;

	while ((recipient = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, next);
		recipient_free(recipient);
	}
}

const char *recipient_detail(const struct recipient *recipient)
{
	return recipient->address.text + recipient->address.n_local - recipient->n_detail;
}

void envelope_init(struct envelope *envelope)
{
	*envelope = (struct envelope){ .client = NULL };
	STAILQ_INIT(&envelope->recipients);
}

void envelope_clear(struct envelope *envelope)
{
	free(envelope->sender);
	envelope->sender = NULL;
	envelope->is_utf8 = false;
	recipients_free(&envelope->recipients);
	envelope->n_recipients = envelope->n_mailboxes = 0;
}

void envelope_deinit(struct envelope *envelope)
{
	envelope_clear(envelope);
	free(envelope->client);
	envelope->client = NULL;
}

void envelope_add(struct envelope *envelope, struct recipient *recipient)
{
	STAILQ_INSERT_TAIL(&envelope->recipients, recipient, next);
	envelope->n_recipients++;
	envelope->is_utf8 = envelope->is_utf8 || !text_is_ascii(recipient->text);
}
