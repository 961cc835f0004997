-- The accounts of lmtpd and lmtpd-auth on the tables of ISPConfig: what their queries read, and no more.
-- CHANGE THE PASSWORDS. Run it once, as an administrator:  mariadb < grants.sql

CREATE USER 'lmtpd'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd',
            'lmtpd'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd';
GRANT SELECT (server_id, email, maildir, maildir_format, quota, postfix, disabledeliver, disablelmtp)
  ON dbispconfig.mail_user TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (server_id, source, destination, type, active) ON dbispconfig.mail_forwarding
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (server_id, domain, active) ON dbispconfig.mail_domain
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';

CREATE USER 'lmtpd-auth'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth',
            'lmtpd-auth'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth';
GRANT SELECT (server_id, email, login, password, disablesmtp) ON dbispconfig.mail_user
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
GRANT SELECT (server_id, domain, active) ON dbispconfig.mail_domain
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
