#!/bin/sh
# pigeonhole.sh PROGRAM DIRECTORY [FOLDER...]: runs the tests of a checkout of Pigeonhole, which are not of this
# tree, and counts by folder what has come of their cases. Those that are known to fail are in pigeonhole.expected.
set -eu
program=$(realpath "$1")
list=$(realpath "$(dirname "$0")/pigeonhole.expected")
test -x "$program"
cd "$2/tests"
shift 2

# Its build makes this one: #UTF8# stands before what takes addresses in UTF-8, which lmtpd does.
if [ -e test-address.svtest.in ]; then
	sed 's/#UTF8#//' test-address.svtest.in >test-address.svtest
fi

# What lmtpd does not do has no business here: programs, lists, annotations and reports of abuse.
files=$(find "${@:-.}" -name '*.svtest' ! -path './plugins/*' ! -path '*/extensions/extlists/*' \
	! -path '*/extensions/metadata/*' ! -path '*/vnd.dovecot/report/*' | sed 's|^\./||' | sort)
# Folder, number of cases: also of a file that does not compile.
# shellcheck disable=SC2086 # they are many, and have no blanks
counts=$(grep -cE '^[[:blank:]]*test[[:blank:]]*"' /dev/null $files || true)
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
for file in $files; do
	code=0
	"$program" --expect "$list" "$file" >>"$output" || code=$?
	if [ "$code" -ne 0 ]; then
		status=1
	fi
	if [ "$code" -gt 1 ]; then
		echo "not ok 1 - $file: (file)" >>"$output"
		echo "# ended by $code" >>"$output"
	fi
done

# Failures with their reasons, and what should have failed.
grep -A 1 '^not ok ' "$output" | grep -v '^--' | grep -v ' # TODO' | grep -v '^ok ' || true
grep '^ok .* # TODO' "$output" || true
awk '
BEGIN { printf "%-36s %7s %7s %7s\n", "", "passed", "known", "failed" }
/^(not )?ok / {
	folder = $0
	sub(/^(not )?ok [0-9]+ - /, "", folder)
	sub(/: .*/, "", folder)
	if (!sub(/\/[^\/]*$/, "", folder)) folder = "."
	is_known = / # TODO /
	kind = (/^ok/) ? (is_known ? "failed" : "passed") : (is_known ? "known" : "failed")
	n[folder, kind]++
	all[kind]++
	folders[folder]
}
END {
	sorter = "sort"
	for (folder in folders)
		printf "%-36s %7d %7d %7d\n", folder, n[folder, "passed"], n[folder, "known"], n[folder, "failed"] | sorter
	close(sorter)
	printf "%-36s %7d %7d %7d\n", "all", all["passed"], all["known"], all["failed"]
}' "$output"
exit "$status"
