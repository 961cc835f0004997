/* SPDX-License-Identifier: MIT
 * MD5 guards nothing here: who makes two messages with one id has sent one that is taken for the other, as he could have by
 * giving both the same Message-ID. */
#include "lmtpd/ids.h"

#include <errno.h>
#include <openssl/evp.h>

#include "maildir/marks.h"

int ids_of_text(struct span text, unsigned char digest_r[IDS_DIGEST])
{
	return EVP_Digest(text.p, text.n, digest_r, NULL, EVP_md5(), NULL) == 1 ? 0 : -ENOTSUP;
}

int ids_of_action(
    const struct sieve_action *action, unsigned char digest_r[IDS_DIGEST], struct span *id_r)
{
	int result;

	if (action->id.n == 0 || (action->kind == SIEVE_REDIRECT && action->id.n <= MARK_ID_MAX)) {
		*id_r = action->id;
		return 0;
	}
	result = ids_of_text(action->id, digest_r);
	*id_r = (struct span){ (const char *)digest_r, result == 0 ? IDS_DIGEST : 0 };
	return result;
}

/* With its length in front, so that what ends one part cannot begin the next. */
static bool add_part(EVP_MD_CTX *context, struct span part)
{
	return EVP_DigestUpdate(context, &part.n, sizeof(part.n)) == 1 &&
	       EVP_DigestUpdate(context, part.p, part.n) == 1;
}

int ids_key(struct key *key_r, const struct span *parts, size_t n)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool is_fine = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; i < n && is_fine; i++) {
		is_fine = add_part(context, parts[i]);
	}
	is_fine = is_fine && EVP_DigestFinal_ex(context, key_r->bytes, NULL) == 1;
	EVP_MD_CTX_free(context);
	return is_fine ? 0 : -ENOMEM;
}
