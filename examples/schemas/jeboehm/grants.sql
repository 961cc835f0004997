-- The accounts of lmtpd and lmtpd-auth on the tables of jeboehm/docker-mailserver: what their queries
-- read, and no more. '%' is a client in any container: narrow it down to that of lmtpd.
-- CHANGE THE PASSWORDS. Run it once, as an administrator:  mariadb < grants.sql

CREATE USER 'lmtpd'@'%' IDENTIFIED BY 'CHANGE-ME-lmtpd';
GRANT SELECT (name, quota, enabled, send_only, domain_id) ON mailserver.mail_users TO 'lmtpd'@'%';
GRANT SELECT (name, destination, domain_id) ON mailserver.mail_aliases TO 'lmtpd'@'%';
GRANT SELECT (id, name) ON mailserver.mail_domains TO 'lmtpd'@'%';

CREATE USER 'lmtpd-auth'@'%' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth';
GRANT SELECT (name, password, enabled, domain_id) ON mailserver.mail_users TO 'lmtpd-auth'@'%';
GRANT SELECT (id, name) ON mailserver.mail_domains TO 'lmtpd-auth'@'%';
