#!/bin/sh
# Starts Postfix in the foreground; its log is standard output.
set -eu

sh /usr/local/sbin/certificate.sh
exec postfix start-fg
