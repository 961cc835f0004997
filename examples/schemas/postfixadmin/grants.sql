-- The accounts of lmtpd and lmtpd-auth on the tables of PostfixAdmin: what their queries read, and no
-- more.
-- CHANGE THE PASSWORDS. Run it once, as an administrator:  mariadb < grants.sql

CREATE USER 'lmtpd'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd',
            'lmtpd'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd';
GRANT SELECT (username, maildir, quota, domain, active) ON postfix.mailbox
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (address, goto, domain, active) ON postfix.alias
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (alias_domain, target_domain, active) ON postfix.alias_domain
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (domain, backupmx, active) ON postfix.domain
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';

CREATE USER 'lmtpd-auth'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth',
            'lmtpd-auth'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth';
GRANT SELECT (username, password, domain, active, smtp_active) ON postfix.mailbox
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
GRANT SELECT (username, password_hash, description) ON postfix.mailbox_app_password
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
GRANT SELECT (domain, active) ON postfix.domain
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
