# What a filter has called spam goes to Junk. For sieve.before or sieve.after in lmtpd.conf:
# before, users cannot take mail out of Junk by rules of their own; after, it is for the mail that
# their rules have left in INBOX.
require ["fileinto", "mailbox"];

if anyof (
	# rspamd, from the score of its action "add header" on
	header :is "X-Spam" "Yes",
	# SpamAssassin
	header :is "X-Spam-Flag" "YES"
) {
	fileinto :create "Junk";
	stop;
}
