#!/bin/sh
# pigeonhole.sh PROGRAM DIRECTORY [FOLDER...]: runs the tests of a checkout of Pigeonhole, which are not of this
# tree, and counts by folder what has come of their cases. Those that fail on purpose are in pigeonhole.expected.
set -eu
program=$(realpath "$1")
list=$(realpath "$(dirname "$0")/pigeonhole.expected")
test -x "$program"
cd "$2/tests"
shift 2

# Its build makes this one: #UTF8# stands before what is wrong where addresses may be UTF-8, as they may here.
if [ -e test-address.svtest.in ]; then
	sed '/#UTF8#/d' test-address.svtest.in >test-address.svtest
fi

# What lmtpd does not do has no business here: programs, lists, annotations and reports of abuse.
files=$(find "${@:-.}" -name '*.svtest' ! -path '*plugins/*' ! -path '*extensions/extlists/*' \
	! -path '*extensions/metadata/*' ! -path '*vnd.dovecot/report/*' | sed 's|^\./||' | sort)
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
for file in $files; do
	# A file that does not compile has cases, too.
	echo "cases $(grep -cE '^[[:blank:]]*test[[:blank:]]*"' "$file") $file" >>"$output"
	code=0
	"$program" --expect "$list" "$file" >>"$output" || code=$?
	if [ "$code" -gt 1 ]; then
		printf 'not ok 1 - %s: (file)\n# ended by %d\n' "$file" "$code" >>"$output"
	fi
	if [ "$code" -ne 0 ]; then
		status=1
	fi
done

awk '
function folder_of(path) {
	return sub(/\/[^\/]*$/, "", path) ? path : "."
}

BEGIN {
	row = "%-36s %7s %7s %7s %7s\n"
}

/^cases / {
	folder = folder_of($3)
	n[folder, "cases"] += $2
	all["cases"] += $2
	folders[++n_folders] = folder
}

/^(not )?ok / {
	is_known = / # TODO /
	is_shown = /^ok/ ? is_known : !is_known
	kind = is_shown ? "failed" : is_known ? "known" : "passed"
	n[folder, kind]++
	all[kind]++
	if (is_shown) print
	next
}

/^# / && is_shown {
	print
	is_shown = 0
}

END {
	printf "\n" row, "", "cases", "passed", "known", "failed"
	for (i = 1; i <= n_folders; i++) {
		folder = folders[i]
		if (!(folder in done))
			printf row, folder, +n[folder, "cases"], +n[folder, "passed"], +n[folder, "known"], +n[folder, "failed"]
		done[folder]
	}
	printf row, "all", all["cases"], all["passed"], +all["known"], +all["failed"]
}' "$output"
exit "$status"
