#!/bin/sh
# Starts MariaDB with the tables and accounts of a mail server; those that are there stay as they are.
set -eu
umask 027

if [ ! -d /var/lib/mysql/mysql ]; then
	mariadb-install-db --auth-root-authentication-method=socket --auth-root-socket-user=mysql \
		--skip-test-db >/dev/null
fi
# Dovecot's password is a new one at each start: it reads the file whenever it connects, and nobody
# else has the volume.
password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
printf '[client]\npassword=%s\n' "$password" >/sockets/dovecot/client.cnf.new
mv /sockets/dovecot/client.cnf.new /sockets/dovecot/client.cnf
{
	echo 'CREATE DATABASE IF NOT EXISTS mailserver;'
	echo 'USE mailserver;'
	cat /etc/mysql/schema.sql /etc/mysql/grants.sql
	echo "ALTER USER dovecot@localhost IDENTIFIED BY '$password' ACCOUNT UNLOCK;"
} >/run/init.sql
exec mariadbd
