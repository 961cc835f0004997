-- The accounts of lmtpd and lmtpd-auth on the tables of Froxlor: what their queries read, and no more.
-- CHANGE THE PASSWORDS. Run it once, as an administrator:  mariadb < grants.sql

CREATE USER 'lmtpd'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd',
            'lmtpd'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd';
GRANT SELECT (email, homedir, maildir, quota, postfix, customerid, domainid) ON froxlor.mail_users
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (email, destination, customerid, domainid) ON froxlor.mail_virtual
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (id, domain, isemaildomain, deactivated) ON froxlor.panel_domains
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (customerid, deactivated) ON froxlor.panel_customers
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';

CREATE USER 'lmtpd-auth'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth',
            'lmtpd-auth'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth';
GRANT SELECT (email, password_enc, postfix, customerid, domainid) ON froxlor.mail_users
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
GRANT SELECT (id, deactivated) ON froxlor.panel_domains
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
GRANT SELECT (customerid, deactivated) ON froxlor.panel_customers
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
