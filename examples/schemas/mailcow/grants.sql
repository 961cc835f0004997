-- The accounts of lmtpd and lmtpd-auth on the tables of mailcow: what their queries read, and no more.
-- '%' is a client in any container: narrow it down to that of lmtpd.
-- CHANGE THE PASSWORDS. Run it once, as an administrator:  mariadb < grants.sql

CREATE USER 'lmtpd'@'%' IDENTIFIED BY 'CHANGE-ME-lmtpd';
GRANT SELECT (username, mailbox_path_prefix, quota, local_part, domain, attributes, kind, active)
  ON mailcow.mailbox TO 'lmtpd'@'%';
GRANT SELECT (address, goto, domain, active) ON mailcow.alias TO 'lmtpd'@'%';
GRANT SELECT (address, goto, validity, permanent) ON mailcow.spamalias TO 'lmtpd'@'%';
GRANT SELECT (alias_domain, target_domain, active) ON mailcow.alias_domain TO 'lmtpd'@'%';
GRANT SELECT (domain, backupmx, active) ON mailcow.domain TO 'lmtpd'@'%';

CREATE USER 'lmtpd-auth'@'%' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth';
GRANT SELECT (username, password, domain, attributes, kind, authsource, active)
  ON mailcow.mailbox TO 'lmtpd-auth'@'%';
GRANT SELECT (name, mailbox, password, smtp_access, active) ON mailcow.app_passwd TO 'lmtpd-auth'@'%';
GRANT SELECT (domain, active) ON mailcow.domain TO 'lmtpd-auth'@'%';
