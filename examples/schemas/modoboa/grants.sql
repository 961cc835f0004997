-- The accounts of lmtpd and lmtpd-auth on the tables of Modoboa: what their queries read, and no more.
-- CHANGE THE PASSWORDS. Run it once, as an administrator:  mariadb < grants.sql

CREATE USER 'lmtpd'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd',
            'lmtpd'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd';
GRANT SELECT (id, address, quota, is_send_only, domain_id, user_id) ON modoboa.admin_mailbox
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (mailbox_id) ON modoboa.admin_mailboxoperation
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (id, is_active) ON modoboa.core_user
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (id, address, domain_id, enabled, expire_at) ON modoboa.admin_alias
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (address, alias_id) ON modoboa.modoboa_admin_aliasrecipient
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (name, enabled, target_id) ON modoboa.admin_domainalias
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';
GRANT SELECT (id, name, type, enabled) ON modoboa.admin_domain
  TO 'lmtpd'@'localhost', 'lmtpd'@'127.0.0.1';

CREATE USER 'lmtpd-auth'@'localhost' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth',
            'lmtpd-auth'@'127.0.0.1' IDENTIFIED BY 'CHANGE-ME-lmtpd-auth';
GRANT SELECT (address, domain_id, user_id) ON modoboa.admin_mailbox
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
GRANT SELECT (id, password, is_active) ON modoboa.core_user
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
GRANT SELECT (id, name, enabled) ON modoboa.admin_domain
  TO 'lmtpd-auth'@'localhost', 'lmtpd-auth'@'127.0.0.1';
