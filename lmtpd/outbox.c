/* SPDX-License-Identifier: MIT
 * Filling the box, on a thread that runs scripts. */
#include "lmtpd/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd/ids.h"
#include "maildir/home.h"
#include "maildir/marks.h"
#include "runtime/log.h"

int outbound_init(struct outbound *outbound)
{
	outbound->claims = claims_new();
	outbound->rates = rates_new();
	outbound->marking = marking_new();
	return outbound->claims == NULL || outbound->rates == NULL || outbound->marking == NULL
		   ? -ENOMEM
		   : 0;
}

void outbox_drop(struct outbox *outbox)
{
	for (size_t i = 0; i < outbox->n_claims; i++) {
		claims_release(outbox->outbound->claims, &outbox->claims[i]);
	}
	free(outbox->claims);
	free(outbox->list);
}

/* --- what was sent before ------------------------------------------------------------------------------------------ */

/* Is an id remembered? What cannot be known now counts as not: who sends twice by mistake does less harm than who never does, and
 * where marks cannot be read they cannot be written, so that no notice goes out. */
static bool is_marked(const struct outbox *outbox, const struct scripts_home *home, struct span id)
{
	int fd = home_open(home->root, home->path), result = fd;

	if (fd >= 0) {
		result = marks_has(fd, home->address, id, outbox->now);
		close(fd);
	}
	if (result < 0 && result != -ENOENT) {
		log_event(LOG_LEVEL_WARNING, "script",
		    "what was sent for %s before cannot be read: %s", home->address,
		    strerror(-result));
	}
	return result > 0;
}

static int make_key(struct key *key_r, const struct scripts_home *home, struct span id)
{
	const struct span parts[] = { span_of(home->address), id };

	return ids_key(key_r, parts, sizeof(parts) / sizeof(parts[0]));
}

static bool holds(const struct outbox *outbox, const struct key *key)
{
	for (size_t i = 0; i < outbox->n_claims; i++) {
		if (memcmp(&outbox->claims[i], key, sizeof(*key)) == 0) {
			return true;
		}
	}
	return false;
}

/* Room for one more. Returns 0, -ENOMEM, or -EBUSY: there are too many. */
static int make_room(void **list, size_t n, size_t *room, size_t size, size_t max)
{
	size_t wanted = *room == 0 ? 8 : 2 * *room;
	void *grown;

	if (n >= max) {
		return -EBUSY;
	}
	if (n < *room) {
		return 0;
	}
	grown = reallocarray(*list, wanted, size);
	if (grown == NULL) {
		return -ENOMEM;
	}
	*list = grown;
	*room = wanted;
	return 0;
}

/* Returns 0: it is held, or the box is full of claims, as for a list of many mailboxes: then it goes without. What is said twice at worst does
 * less harm than a list that is put off at each try. Or -EBUSY: another has it; or -ENOMEM. */
static int claim(struct outbox *outbox, const struct key *key, bool waits)
{
	struct claims *claims = outbox->outbound->claims;
	int result = make_room((void **)&outbox->claims, outbox->n_claims, &outbox->claims_room,
	    sizeof(*outbox->claims), OUTBOX_CLAIMS_MAX);

	if (result < 0) {
		return result == -EBUSY ? 0 : result;
	}
	if (!(waits ? claims_wait(claims, key, OUTBOX_CLAIM_MS) : claims_take(claims, key))) {
		return -EBUSY;
	}
	outbox->claims[outbox->n_claims++] = *key;
	return 0;
}

/* Most that is asked for was marked long ago, and needs no claim. Who had the claim before has marked what he sent before he let go. */
static int look(struct outbox *outbox, const struct scripts_home *home, struct span id, bool waits)
{
	struct key key;
	int result;

	if (is_marked(outbox, home, id)) {
		return 1;
	}
	result = make_key(&key, home, id);
	if (result < 0 || holds(outbox, &key)) {
		return result;
	}
	result = claim(outbox, &key, waits);
	return result < 0 ? result : is_marked(outbox, home, id);
}

int outbox_seen(
    struct outbox *outbox, const struct scripts_home *home, struct span text, bool waits)
{
	unsigned char digest[IDS_DIGEST];
	int result = ids_of_text(text, digest);

	if (result < 0) {
		/* Without ids nothing is remembered. */
		return result == -ENOMEM ? result : 0;
	}
	return look(outbox, home, (struct span){ (char *)digest, sizeof(digest) }, waits);
}

/* --- letters ------------------------------------------------------------------------------------------------------- */

static bool copy(struct arena *arena, struct span *bytes)
{
	*bytes = arena_copy(arena, *bytes);
	return bytes->p != NULL;
}

static bool copy_home(struct arena *arena, struct scripts_home *home)
{
	struct span path = arena_copy(arena, span_of(home->path));

	home->path = path.p; /* the address is of the filter */
	return path.p != NULL;
}

/* The key of a message's redirect and of what came of it, by which a retry of it is known. A message that is taken for another one would be lost, so what the
 * client calls it must be unique, and all that is known of it the same. A run redirects to an address once, so that its recipient tells
 * what it made of the header from what another run did. False: it cannot be known. */
static bool redirect_key(struct key *key_r, const struct outbox *outbox,
    const struct letter *letter, const char *outcome)
{
	const struct span parts[] = { span_of(outbox->queue_id), span_of(outbox->received),
		span_of(letter->home.address), span_of(letter->recipient), span_of(letter->to),
		letter->id, span_of(outcome) };

	return outbox->queue_id[0] != '\0' && outbox->received[0] != '\0' &&
	       ids_key(key_r, parts, sizeof(parts) / sizeof(parts[0])) == 0;
}

void outbox_redirected(const struct outbox *outbox, const struct letter *letter)
{
	struct key key;

	if (redirect_key(&key, outbox, letter, "taken")) {
		claims_note_redirect(outbox->outbound->claims, &key, (uint64_t)outbox->now);
	}
	if (letter->id.n > 0) {
		outbox_mark(outbox, &letter, 1);
	}
}

bool outbox_is_unknown_again(const struct outbox *outbox, const struct letter *letter)
{
	struct claims *claims = outbox->outbound->claims;
	struct key key;
	bool is_again = false;

	if (redirect_key(&key, outbox, letter, "unknown")) {
		is_again = claims_has_redirected(claims, &key, (uint64_t)outbox->now);
		claims_note_redirect(claims, &key, (uint64_t)outbox->now);
	}
	return is_again;
}

static bool was_redirected(const struct outbox *outbox, const struct letter *letter)
{
	struct key key;

	return redirect_key(&key, outbox, letter, "taken") &&
	       claims_has_redirected(outbox->outbound->claims, &key, (uint64_t)outbox->now);
}

/* What a notification says: all but the Message-ID, which stands in front and is another one for each recipient that leads to
 * the mailbox. */
static struct span text_of(struct span message)
{
	static const char name[] = "Message-ID:";
	const char *id = memmem(message.p, message.n, name, sizeof(name) - 1);
	const char *end =
	    id == NULL ? NULL : memchr(id, '\n', message.n - (size_t)(id - message.p));

	return end == NULL ? message : (struct span){ end, message.n - (size_t)(end - message.p) };
}

static bool says_the_same(const struct letter *a, const struct letter *b)
{
	return a->kind != SIEVE_NOTIFY || span_equals(text_of(a->message), text_of(b->message));
}

/* Is there one of the same mailbox that comes to the same? */
static bool has_twin(const struct outbox *outbox, const struct letter *letter)
{
	for (size_t i = 0; i < outbox->n; i++) {
		const struct letter *other = &outbox->list[i];

		if (other->kind == letter->kind &&
		    strcmp(other->home.address, letter->home.address) == 0 &&
		    span_equals(other->id, letter->id) && strcmp(other->to, letter->to) == 0 &&
		    says_the_same(other, letter)) {
			return true;
		}
	}
	return false;
}

/* A redirect is known by its id, or if it has none not at all; all else was asked for while the script ran. */
static int check_redirect(struct outbox *outbox, struct letter *letter)
{
	int result;

	if (was_redirected(outbox, letter)) {
		letter->state = LETTER_SENT;
		return OUTBOX_DONE;
	}
	if (letter->id.n == 0) {
		return OUTBOX_TAKEN;
	}
	result = look(outbox, &letter->home, letter->id, false);
	if (result == 1 || result == -EBUSY) {
		return OUTBOX_KNOWN;
	}
	return result < 0 ? result : OUTBOX_TAKEN;
}

int outbox_add(struct outbox *outbox, const struct scripts_home *home, size_t slot,
    unsigned version, const struct sieve_action *action, bool is_own)
{
	struct span from = action->from, to = action->to, answer = { "", 0 };
	struct letter letter = { .kind = action->kind,
		.slot = slot,
		.version = version,
		.message = action->message,
		.until = outbox->now + (time_t)action->seconds,
		.home = *home,
		.recipient = outbox->recipient,
		.line = action->line };
	unsigned char digest[IDS_DIGEST];
	int result = ids_of_action(action, digest, &letter.id);

	if (result == -ENOMEM || !copy(outbox->arena, &from) || !copy(outbox->arena, &to) ||
	    !copy(outbox->arena, &letter.message) || !copy(outbox->arena, &letter.id) ||
	    !copy_home(outbox->arena, &letter.home)) {
		return -ENOMEM;
	}
	if (is_own && action->kind == SIEVE_REDIRECT) {
		letter.script = arena_copy(outbox->arena, span_of(action->script)).p;
	}
	letter.from = from.p;
	letter.to = to.p;
	letter.answer = answer.p;
	if (action->kind != SIEVE_REDIRECT && has_twin(outbox, &letter)) {
		return OUTBOX_TAKEN; /* once for the mailbox */
	}
	result = action->kind == SIEVE_REDIRECT ? check_redirect(outbox, &letter) : OUTBOX_TAKEN;
	if (result != OUTBOX_TAKEN && result != OUTBOX_DONE) {
		return result;
	}
	if (make_room((void **)&outbox->list, outbox->n, &outbox->room, sizeof(letter),
		OUTBOX_LETTERS_MAX) != 0) {
		return OUTBOX_FULL;
	}
	outbox->list[outbox->n++] = letter;
	return result;
}

bool outbox_redirects(const struct outbox *outbox)
{
	for (size_t i = 0; i < outbox->n; i++) {
		if (outbox->list[i].kind == SIEVE_REDIRECT && outbox->list[i].state == LETTER_DUE) {
			return true;
		}
	}
	return false;
}

int outbox_mark(const struct outbox *outbox, const struct letter *const *letters, size_t n)
{
	const struct scripts_home *home = &letters[0]->home;
	struct mark marks[MARKS_AT_ONCE];
	int result;

	for (size_t i = 0; i < n; i++) {
		marks[i] = (struct mark){ letters[i]->id, letters[i]->until };
	}
	result = marking_add(outbox->outbound->marking, home, marks, n, outbox->now);
	if (result != 0) {
		log_event(LOG_LEVEL_WARNING, "script",
		    "what is sent for %s cannot be remembered in ~/.dovecot.lda-dupes: %s",
		    home->address, marks_strerror(result));
	}
	return result;
}
