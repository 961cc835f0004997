-- The tables of iRedMail, as far as mail is concerned.
CREATE TABLE domain (
  domain VARCHAR(255) NOT NULL PRIMARY KEY, backupmx TINYINT(1) NOT NULL DEFAULT 0,
  active TINYINT(1) NOT NULL DEFAULT 1, KEY backupmx (backupmx), KEY active (active)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
CREATE TABLE mailbox (
  username VARCHAR(255) NOT NULL PRIMARY KEY, password VARCHAR(255) NOT NULL DEFAULT '',
  mailboxformat VARCHAR(50) NOT NULL DEFAULT 'maildir',
  mailboxfolder VARCHAR(50) NOT NULL DEFAULT 'Maildir',
  storagebasedirectory VARCHAR(255) NOT NULL DEFAULT '', storagenode VARCHAR(255) NOT NULL DEFAULT '',
  maildir VARCHAR(255) NOT NULL DEFAULT '', quota BIGINT NOT NULL DEFAULT 0,
  domain VARCHAR(255) NOT NULL DEFAULT '', enablesmtp TINYINT(1) NOT NULL DEFAULT 1,
  enablesmtpsecured TINYINT(1) NOT NULL DEFAULT 1, enabledeliver TINYINT(1) NOT NULL DEFAULT 1,
  enablelmtp TINYINT(1) NOT NULL DEFAULT 1, allow_nets TEXT DEFAULT NULL,
  active TINYINT(1) NOT NULL DEFAULT 1,
  KEY domain (domain), KEY enablesmtp (enablesmtp), KEY enabledeliver (enabledeliver),
  KEY enablelmtp (enablelmtp), KEY active (active)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
CREATE TABLE forwardings (
  id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, address VARCHAR(255) NOT NULL DEFAULT '',
  forwarding VARCHAR(255) NOT NULL DEFAULT '', domain VARCHAR(255) NOT NULL DEFAULT '',
  is_list TINYINT(1) NOT NULL DEFAULT 0, is_forwarding TINYINT(1) NOT NULL DEFAULT 0,
  is_alias TINYINT(1) NOT NULL DEFAULT 0, active TINYINT(1) NOT NULL DEFAULT 1,
  UNIQUE KEY address (address, forwarding), KEY forwarding (forwarding), KEY domain (domain)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
CREATE TABLE alias_domain (
  alias_domain VARCHAR(255) NOT NULL PRIMARY KEY, target_domain VARCHAR(255) NOT NULL,
  active TINYINT(1) NOT NULL DEFAULT 1, KEY target_domain (target_domain), KEY active (active)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
-- ROWS: every mailbox has a forwarding to itself; the address of a catch-all is the bare domain.
INSERT INTO domain (domain, backupmx, active) VALUES
  ('example.com', 0, 1), ('example.net', 0, 1), ('off.example', 0, 0), ('backup.example', 1, 1);
INSERT INTO mailbox (username, storagebasedirectory, storagenode, maildir, quota, domain, active, password)
VALUES
  ('ann@example.com', 'ROOT', 'vmail1', 'example.com/A/N/N/Ann-2026.11.26.10.00.00/', 3, 'example.com', 1, '{SSHA512}SSHA'),
  ('carl@example.com', 'ROOT', 'vmail1', 'example.com/c/a/r/carl/', 0, 'example.com', 1, 'HASH'),
  ('bert@example.com', 'ROOT', 'vmail1', 'example.com/b/', 0, 'example.com', 0, 'HASH'),
  ('bert@example.net', 'ROOT', 'vmail1', 'example.net/b/', 0, 'example.net', 0, 'HASH'),
  ('lisa@example.com', 'ROOT', 'vmail1', 'example.com/l/', 0, 'example.com', 1, 'HASH'),
  ('max@example.com', 'ROOT', 'vmail1', 'example.com/m/', 0, 'example.com', 1, 'HASH'),
  ('dora@off.example', 'ROOT', 'vmail1', 'off.example/d/', 0, 'off.example', 1, 'HASH'),
  ('eve@backup.example', 'ROOT', 'vmail1', 'backup.example/e/', 0, 'backup.example', 1, 'HASH');
UPDATE mailbox SET mailboxfolder = 'Mail' WHERE username = 'carl@example.com';
UPDATE mailbox SET enablelmtp = 0, enablesmtpsecured = 0 WHERE username = 'lisa@example.com';
UPDATE mailbox SET mailboxformat = 'mdbox', allow_nets = '192.0.2.9, 192.0.2.1' WHERE username = 'max@example.com';
INSERT INTO forwardings (address, forwarding, domain, is_forwarding)
  SELECT username, username, domain, 1 FROM mailbox;
INSERT INTO forwardings (address, forwarding, domain, is_alias, active) VALUES
  ('info@example.com', 'ann@example.com', 'example.com', 1, 1),
  ('all@example.com', 'ann@example.com', 'example.com', 0, 1),
  ('all@example.com', 'carl@example.com', 'example.com', 0, 1),
  ('old@example.com', 'ann@example.com', 'example.com', 1, 0),
  ('example.net', 'ann@example.com', 'example.net', 0, 1);
INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('example.org', 'example.com');
