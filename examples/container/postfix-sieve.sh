#!/bin/sh
# Starts Postfix with the service sieve/smtp of master.cf on /sockets/submission/smtp. Postfix looks for the socket
# below public, where all its own are, and for a lock of the same name below pid.
set -eu
cd /var/spool/postfix

ln -sfn /sockets/submission public/sieve
chown -h postfix:postfix public/sieve
install -d -o postfix -g postfix -m 0700 pid/unix.sieve
exec sh /usr/local/sbin/postfix.sh
