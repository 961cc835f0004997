#!/bin/sh
# The rooms know each other in one direction only: what a room may include is named here, and all else
# is an error. Debian's flat /usr/include would hide a slip that the build lets through, so this reads
# every #include.
set -eu
cd "$(dirname "$0")/.."
failed=0
rooms=' '
include='#[[:space:]]*include[[:space:]]*'
# What is not plain C: libraries, and what a pure room has no use for.
libraries='uv|mysql|mysqld_error|errmsg|confuse|crypt|argon2|openssl|systemd'
impure='sys/socket\.h|sys/un\.h|netdb\.h|pthread\.h|threads\.h|poll\.h'

# allow ROOM PATTERN: besides base/ and its own, files of ROOM may include what PATTERN matches.
allow() {
	rooms="$rooms$1 "
	found=$(grep -nE "^[[:space:]]*${include}(\"|<($impure|($libraries)[./]))" "$1"/*.[ch] |
		grep -vE "${include}[\"<](($1|base)/|version\.h|$2)") || return 0
	printf '%s\n%s/ may not include that: see tests/layers.sh\n' "$found" "$1"
	failed=1
}

# only FILES HEADER: of all rooms, these files alone include a library's header.
only() {
	found=$(grep -lE "${include}<($2)" -- */*.[ch]) || return 0
	for file in $found; do
		case " $1 " in
		*" $file "*) ;;
		*)
			echo "$file: only $1 may include <$2>"
			failed=1
			;;
		esac
	done
}

allow base '-'
allow mail '-'
allow match '-'
allow protocol 'mail/'
allow sieve '(mail|match)/'
allow maildir "$impure"
allow sievetest '(sieve|mail)/|maildir/folder\.h'
# The keys of section mysql stand where their values are used, in a table of that header's structs; no
# function of runtime/ is called.
allow schema "runtime/settings\.h|mysql|mysqld_error|errmsg|$impure"
allow runtime "uv\.h|confuse\.h|$impure"
allow status "runtime/|uv\.h|$impure"
allow doctor "(mail|protocol|maildir|schema|runtime)/|$impure"
allow adopt 'doctor/|runtime/settings\.h'
# Of auth/ the table of keys, for --adopt.
allow lmtpd "(mail|protocol|maildir|sieve|schema|runtime|status|doctor)/|adopt/adopt\.h|auth/config\.h|uv\.h|openssl/|$impure"
allow auth "(protocol|schema|runtime|status|doctor)/|uv\.h|crypt\.h|argon2\.h|openssl/|$impure"
only runtime/settings.c 'confuse\.h'
only auth/crypthash.c 'crypt\.h'
only auth/argon.c 'argon2\.h'
only 'auth/digest.c lmtpd/ids.c' 'openssl/.*'
only schema/mysql.c '(mysql|mysqld_error|errmsg)\.h'

for room in */; do
	room=${room%/}
	if ls "$room"/*.c >/dev/null 2>&1 && [ "${rooms#* "$room" }" = "$rooms" ]; then
		echo "$room/: tests/layers.sh does not say what it may include"
		failed=1
	fi
done
exit $failed
