-- The database accounts of the mail server, for MariaDB and MySQL.
-- Run it as an administrator, once, after schema.sql:  mariadb < grants.sql
--
-- CHANGE THE TWO PASSWORDS BELOW. Each stands in the file twice, because
-- one machine reaches the server by name (a Unix socket counts as localhost)
-- and by address, and these are different accounts.

-- lmtpd and Postfix's mysql-virtual-*.cf maps: who exists, but no password.
CREATE USER IF NOT EXISTS 'mailuser'@'localhost' IDENTIFIED BY 'CHANGE-ME-mailuser';
CREATE USER IF NOT EXISTS 'mailuser'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-mailuser';

GRANT SELECT (name)                ON mailserver.virtual_domains TO 'mailuser'@'localhost';
GRANT SELECT (name)                ON mailserver.virtual_domains TO 'mailuser'@'127.0.0.1';
GRANT SELECT (email)               ON mailserver.virtual_users   TO 'mailuser'@'localhost';
GRANT SELECT (email)               ON mailserver.virtual_users   TO 'mailuser'@'127.0.0.1';
GRANT SELECT (source, destination) ON mailserver.virtual_aliases TO 'mailuser'@'localhost';
GRANT SELECT (source, destination) ON mailserver.virtual_aliases TO 'mailuser'@'127.0.0.1';

-- lmtpd-auth and Dovecot's IMAP and POP3: the hashes, and nothing else.
CREATE USER IF NOT EXISTS 'mailauth'@'localhost' IDENTIFIED BY 'CHANGE-ME-mailauth';
CREATE USER IF NOT EXISTS 'mailauth'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-mailauth';

GRANT SELECT (email, password)     ON mailserver.virtual_users   TO 'mailauth'@'localhost';
GRANT SELECT (email, password)     ON mailserver.virtual_users   TO 'mailauth'@'127.0.0.1';
