#!/bin/sh
# certificate.sh: makes /run/mail.pem, the key and the certificates, of /tls/mail.pem; or of nothing
# where there is none, for tries.
set -eu
umask 077

if [ -e /tls/mail.pem ]; then
	ln -sf /tls/mail.pem /run/mail.pem
else
	openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=$(hostname)" \
		-keyout /run/key.pem -out /run/certificate.pem 2>/dev/null
	cat /run/key.pem /run/certificate.pem >/run/mail.pem
fi
