-- The accounts of the containers. Over the socket MariaDB asks the kernel who connects: the user of
-- the operating system, whose numbers are the same in all images.

-- Postfix's master is root, and must not be the database's: its administrator is the user mysql.
DROP USER IF EXISTS root@localhost;

-- lmtpd: who exists, but no password.
CREATE USER IF NOT EXISTS vmail@localhost IDENTIFIED VIA unix_socket;
GRANT SELECT (name) ON mailserver.virtual_domains TO vmail@localhost;
GRANT SELECT (email) ON mailserver.virtual_users TO vmail@localhost;
GRANT SELECT (source, destination) ON mailserver.virtual_aliases TO vmail@localhost;

-- Postfix's maps: the same.
CREATE USER IF NOT EXISTS postfix@localhost IDENTIFIED VIA unix_socket;
GRANT SELECT (name) ON mailserver.virtual_domains TO postfix@localhost;
GRANT SELECT (email) ON mailserver.virtual_users TO postfix@localhost;
GRANT SELECT (source, destination) ON mailserver.virtual_aliases TO postfix@localhost;

-- lmtpd-auth: the hashes, and nothing else.
CREATE USER IF NOT EXISTS 'lmtpd-auth'@localhost IDENTIFIED VIA unix_socket;
GRANT SELECT (email, password) ON mailserver.virtual_users TO 'lmtpd-auth'@localhost;

-- Dovecot: the same. To the kernel it is who lmtpd is; database.sh gives it a password.
CREATE USER IF NOT EXISTS dovecot@localhost ACCOUNT LOCK;
GRANT SELECT (email, password) ON mailserver.virtual_users TO dovecot@localhost;
