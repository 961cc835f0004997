#!/bin/sh
# SECURITY.md names the tests that show what it says: each of them must exist.
set -eu
cd "$(dirname "$0")/.."
failed=0

exists() {
	case $1 in
	*.c | *.py) find tests -name "$1" | grep -q . ;;
	*) grep -rqE --include='*.[cp]*' "(void|def) $1\(" tests ;;
	esac
}

for test in $(grep -oE "\`test_[a-z0-9_.]+\`" SECURITY.md | tr -d "\`" | sort -u); do
	if ! exists "$test"; then
		echo "SECURITY.md: there is no $test below tests/"
		failed=1
	fi
done
exit $failed
