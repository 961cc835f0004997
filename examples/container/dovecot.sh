#!/bin/sh
# Starts Dovecot in the foreground; its log is standard output.
set -eu

sh /usr/local/sbin/certificate.sh
exec dovecot -F
