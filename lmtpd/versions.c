/* SPDX-License-Identifier: MIT
 * Headers are few and short, bodies are copied in pieces: memory does not grow with the message. */
#include "lmtpd/versions.h"

#include <errno.h>
#include <stdlib.h>

enum {
	COPY_CHUNK = 65536,
};

int versions_make(struct versions *versions, struct maildir_message *original,
    const struct places *places, const struct filter *filter)
{
	unsigned n_versions = filter == NULL ? 1 : filter->filing.n_versions;
	size_t i = 0;

	*versions = (struct versions){ .original = original };
	while (i < places->n && places->versions[i] == 0) {
		i++;
	}
	versions->n_original = i;
	if (i == places->n) {
		return 0;
	}
	versions->list = calloc(n_versions, sizeof(*versions->list));
	if (versions->list == NULL) {
		return -ENOMEM;
	}
	while (i < places->n) {
		struct version *version = &versions->list[versions->n++];

		version->first = i;
		while (i < places->n && places->versions[i] == places->versions[version->first]) {
			i++;
		}
		version->n = i - version->first;
	}
	return 0;
}

void versions_drop(struct versions *versions)
{
	free(versions->list);
	versions->list = NULL;
	versions->n = 0;
}

const struct maildir_message *versions_message(const struct versions *versions, size_t i)
{
	for (size_t k = 0; k < versions->n; k++) {
		const struct version *version = &versions->list[k];

		if (i >= version->first && i < version->first + version->n) {
			return &version->message;
		}
	}
	return versions->original;
}

/* What cannot be read cannot be delivered. */
static void fail(const struct places *places, const struct version *version, int error)
{
	for (size_t i = version->first; i < version->first + version->n; i++) {
		struct maildir_place *place = &places->list[i];

		if (place->result == 0) {
			place->result = error;
			place->step = "read the message again for";
			place->part = "";
		}
	}
}

/* Writes the header, and the body of the original behind it; errors stand in the places. */
static void write_version(const struct versions *versions, struct version *version,
    const struct places *places, const struct filter *filter)
{
	const struct filter_header *header = &filter->headers[places->versions[version->first]];
	struct maildir_message *message = &version->message;
	uint64_t at = filter->n_header;
	char *buffer = malloc(COPY_CHUNK);
	ssize_t n = buffer == NULL ? -ENOMEM : 1;

	maildir_begin(message, &places->list[version->first], version->n);
	maildir_write(message, header->text, header->n);
	while (n > 0) {
		n = maildir_read(versions->original, at, buffer, COPY_CHUNK);
		if (n > 0) {
			maildir_write(message, buffer, (size_t)n);
			at += (uint64_t)n;
		}
	}
	free(buffer);
	if (n < 0) {
		fail(places, version, (int)n);
	}
}

void versions_prepare(
    struct versions *versions, const struct places *places, const struct filter *filter)
{
	for (size_t i = 0; i < versions->n; i++) {
		struct version *version = &versions->list[i];

		write_version(versions, version, places, filter);
		maildir_prepare(&version->message, &places->list[version->first], version->n);
	}
	/* What has no place need not be on the disk. */
	if (versions->n_original > 0) {
		maildir_prepare(versions->original, places->list, versions->n_original);
	}
}

void versions_commit(struct versions *versions, const struct places *places)
{
	for (size_t i = 0; i < versions->n; i++) {
		struct version *version = &versions->list[i];

		maildir_commit(&version->message, &places->list[version->first], version->n);
	}
	if (versions->n_original > 0) {
		maildir_commit(versions->original, places->list, versions->n_original);
	} else {
		maildir_abort(versions->original, NULL, 0);
	}
}

void versions_abort(struct versions *versions, const struct places *places)
{
	for (size_t i = 0; i < versions->n; i++) {
		struct version *version = &versions->list[i];

		maildir_abort(&version->message, &places->list[version->first], version->n);
	}
	maildir_abort(versions->original, places->list, versions->n_original);
}
