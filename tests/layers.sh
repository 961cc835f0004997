#!/bin/sh
# The rooms know each other in one direction only. Debian's flat /usr/include would hide a slip that
# the build lets through, so this reads every #include.
set -eu
cd "$(dirname "$0")/.."
failed=0

# forbid ROOM PATTERN WHY: no file of ROOM includes what PATTERN matches.
forbid() {
	found=$(grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($2)" "$1"/*.c "$1"/*.h) || return 0
	printf '%s\n%s: %s\n' "$found" "$1" "$3"
	failed=1
}

edge='lmtpd/|auth/'
libraries='uv\.h|uv/|mysql|errmsg\.h|confuse\.h'
forbid lmtpd/protocol "$libraries|maildir/|schema/|runtime/|auth/|lmtpd/[^p]|sys/socket|pthread" \
	'the protocol is pure: libc and itself only'
forbid maildir "$libraries|schema/|runtime/|$edge" 'maildir stands on libc alone'
forbid schema "uv\.h|uv/|confuse\.h|maildir/|runtime/|$edge" 'schema stands on MySQL and libc alone'
forbid runtime "mysql|errmsg\.h|maildir/|schema/|$edge" 'runtime knows no mail'
forbid lmtpd 'mysql|errmsg\.h|confuse\.h' 'schema is the only room that includes mysql.h'
forbid lmtpd/check "$libraries" '--check asks through schema and runtime'

files=$(grep -lE '^#include <mysql' -r lmtpd auth maildir runtime) || true
if [ -n "$files" ]; then
	echo "mysql.h is included by: $files"
	failed=1
fi
exit $failed
