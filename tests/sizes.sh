#!/bin/sh
# What CONTRIBUTING.md says of sizes: no file of a room is longer than 450 lines, and no function has more
# than 60 lines of code in its body, where blank lines and comments do not count. The format makes
# functions easy to find: their braces alone stand by themselves at the start of a line.
set -eu
cd "$(dirname "$0")/.."
awk -v file_max=450 -v function_max=60 '
function end_file() {
	if (n_lines > file_max) {
		printf "%s: has %d lines, %d are allowed\n", file, n_lines, file_max
		failed = 1
	}
}

# What is left of a line without comments. Literals go first: they may hold what looks like one.
function code_of(line) {
	gsub(/"([^"\\]|\\.)*"|\047(\\[^\047]+|.)\047/, "0", line)
	if (is_in_comment && !sub(/^.*\*\//, "", line)) {
		return ""
	}
	gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", line)
	is_in_comment = sub(/\/\*.*$/, "", line)
	gsub(/[ \t]/, "", line)
	return line
}

FNR == 1 {
	end_file()
	file = substr(FILENAME, 3) # without "./"
	is_in_comment = is_in_function = 0
}

{
	n_lines = FNR
	code = code_of($0)
}

# The line that a declaration starts with has its name before the first parenthesis.
!is_in_function && /^[A-Za-z_]/ {
	name = $0
	sub(/\(.*/, "", name)
	sub(/.*[ *]/, "", name)
}

/^}$/ && is_in_function {
	is_in_function = 0
	if (n_code > function_max) {
		printf "%s: %s() has %d lines of code, %d are allowed\n", file, name, n_code,
			function_max
		failed = 1
	}
}

is_in_function && code != "" {
	n_code++
}

/^{$/ {
	is_in_function = 1
	n_code = 0
}

END {
	end_file()
	exit failed
}
' ./*/*.[ch]
