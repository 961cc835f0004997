-- The accounts of lmtpd and lmtpd-auth on the tables of ViMbAdmin: what their queries read, and no more.
-- CHANGE THE PASSWORDS. Run it once, as an administrator:  mariadb < grants.sql

CREATE USER 'lmtpd'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd',
            'lmtpd'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd';
GRANT SELECT (username, quota, active, maildir, delete_pending, Domain_id) ON vimbadmin.mailbox
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (address, goto, active, Domain_id) ON vimbadmin.alias
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (id, domain, backupmx, active) ON vimbadmin.domain
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';

CREATE USER 'lmtpd-auth'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth',
            'lmtpd-auth'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth';
GRANT SELECT (username, password, active, access_restriction, delete_pending, Domain_id)
  ON vimbadmin.mailbox TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
GRANT SELECT (id, active) ON vimbadmin.domain TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
