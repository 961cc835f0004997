-- The accounts of lmtpd and lmtpd-auth on the tables of the ISPmail guide: what their queries read, and
-- no more. CHANGE THE PASSWORDS. Run it once, as an administrator:  mariadb < grants.sql

CREATE USER 'lmtpd'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd',
            'lmtpd'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd';
GRANT SELECT (email, quota) ON mailserver.virtual_users
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (source, destination) ON mailserver.virtual_aliases
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (name) ON mailserver.virtual_domains
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';

CREATE USER 'lmtpd-auth'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth',
            'lmtpd-auth'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth';
GRANT SELECT (email, password) ON mailserver.virtual_users
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
