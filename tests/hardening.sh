#!/bin/sh
# hardening.sh PROGRAM...: what makes a mistake in memory hard to use stands in each program, whoever
# built it with whatever flags.
set -eu
failed=0

# need PROGRAM WHAT PATTERN READELF-OPTION...: readelf's answer has a line that matches.
need() {
	program=$1 what=$2 pattern=$3
	shift 3
	if ! readelf -W "$@" "$program" 2>/dev/null | grep -qE -e "$pattern"; then
		echo "$program: $what is missing"
		failed=1
	fi
}

for program; do
	need "$program" 'a position-independent program (-pie)' 'Type: +DYN' -h
	need "$program" 'the mark of such a program (-pie)' 'FLAGS_1.* PIE' -d
	need "$program" 'read-only relocations (-z relro)' 'GNU_RELRO' -l
	need "$program" 'binding at the start (-z now)' 'FLAGS_1.* NOW' -d
	need "$program" 'a stack that is no code (-z noexecstack)' 'GNU_STACK .* RW +0x' -l
	need "$program" 'a guarded stack (-fstack-protector-strong)' ' __stack_chk_fail(@| |$)' --dyn-syms
	need "$program" 'checked copies (-D_FORTIFY_SOURCE)' ' __(mem|str|f?read)[a-z]*_chk(@| |$)' --dyn-syms
	need "$program" 'checked printf (-D_FORTIFY_SOURCE)' ' __v?snprintf_chk(@| |$)' --dyn-syms
	case $(readelf -h "$program" | grep Machine) in
	*X86-64*)
		# libc's own start brings two.
		if [ "$(objdump -d "$program" | grep -c endbr64)" -lt 10 ]; then
			echo "$program: guarded jumps (-fcf-protection) are missing"
			failed=1
		fi
		;;
	esac
done
exit $failed
