-- The accounts of lmtpd and lmtpd-auth on the tables of iRedMail: what their queries read, and no more.
-- CHANGE THE PASSWORDS. Run it once, as an administrator:  mariadb < grants.sql

CREATE USER 'lmtpd'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd',
            'lmtpd'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd';
GRANT SELECT (username, storagebasedirectory, storagenode, maildir, mailboxformat, mailboxfolder, quota,
              domain, enabledeliver, enablelmtp, active) ON vmail.mailbox
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (address, forwarding, domain, active) ON vmail.forwardings
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (alias_domain, target_domain, active) ON vmail.alias_domain
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (domain, backupmx, active) ON vmail.domain
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';

CREATE USER 'lmtpd-auth'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth',
            'lmtpd-auth'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth';
GRANT SELECT (username, password, domain, enablesmtp, enablesmtpsecured, allow_nets, active)
  ON vmail.mailbox TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
GRANT SELECT (domain, backupmx, active) ON vmail.domain
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
