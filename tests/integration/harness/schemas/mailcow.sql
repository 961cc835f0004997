-- The tables of mailcow, as far as mail is concerned.
CREATE TABLE domain (
  domain VARCHAR(255) NOT NULL PRIMARY KEY, backupmx TINYINT(1) NOT NULL DEFAULT 0,
  active TINYINT(1) NOT NULL DEFAULT 1
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE mailbox (
  username VARCHAR(255) NOT NULL PRIMARY KEY, password VARCHAR(255) NOT NULL,
  mailbox_path_prefix VARCHAR(150) DEFAULT 'ROOT/', quota BIGINT NOT NULL DEFAULT 102400,
  local_part VARCHAR(255) NOT NULL, domain VARCHAR(255) NOT NULL, attributes JSON,
  kind VARCHAR(100) NOT NULL DEFAULT '',
  authsource ENUM('mailcow', 'keycloak', 'generic-oidc', 'ldap') DEFAULT 'mailcow',
  active TINYINT(1) NOT NULL DEFAULT 1, KEY domain (domain), KEY kind (kind)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE app_passwd (
  id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255) NOT NULL, mailbox VARCHAR(255) NOT NULL,
  domain VARCHAR(255) NOT NULL, password VARCHAR(255) NOT NULL,
  imap_access TINYINT(1) NOT NULL DEFAULT 1, smtp_access TINYINT(1) NOT NULL DEFAULT 1,
  active TINYINT(1) NOT NULL DEFAULT 1, KEY mailbox (mailbox), KEY domain (domain),
  FOREIGN KEY (mailbox) REFERENCES mailbox (username) ON DELETE CASCADE
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE alias (
  id INT AUTO_INCREMENT PRIMARY KEY, address VARCHAR(255) NOT NULL UNIQUE, goto TEXT NOT NULL,
  domain VARCHAR(255) NOT NULL, sender_allowed TINYINT(1) NOT NULL DEFAULT 1,
  active TINYINT(1) NOT NULL DEFAULT 1, KEY domain (domain)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE alias_domain (
  alias_domain VARCHAR(255) NOT NULL PRIMARY KEY, target_domain VARCHAR(255) NOT NULL,
  active TINYINT(1) NOT NULL DEFAULT 1, KEY active (active), KEY target_domain (target_domain)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE spamalias (
  address VARCHAR(255) NOT NULL PRIMARY KEY, goto TEXT NOT NULL, validity INT,
  permanent TINYINT(1) NOT NULL DEFAULT 0
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE sender_acl (
  id INT AUTO_INCREMENT PRIMARY KEY, logged_in_as VARCHAR(255) NOT NULL, send_as VARCHAR(255) NOT NULL
) ENGINE=InnoDB CHARACTER SET utf8mb4;
-- ROWS: every mailbox has an alias that leads to itself; an alias may belong to a domain that stands for another.
INSERT INTO domain (domain, backupmx, active) VALUES
  ('example.com', 0, 1), ('example.net', 0, 1), ('off.example', 0, 0), ('backup.example', 1, 1);
INSERT INTO mailbox (username, local_part, domain, quota, active, kind, password, attributes) VALUES
  ('ann@example.com', 'ann', 'example.com', 3145728, 1, '', '{BLF-CRYPT}BCRYPT',
   '{"mailbox_format": "maildir:", "smtp_access": "1", "force_pw_update": "0"}'),
  ('carl@example.com', 'carl', 'example.com', 0, 2, '', '{BLF-CRYPT}BCRYPT',
   '{"mailbox_format": "maildir:"}'),
  ('bert@example.com', 'bert', 'example.com', 0, 0, '', '{BLF-CRYPT}BCRYPT',
   '{"mailbox_format": "maildir:"}'),
  ('bert@example.net', 'bert', 'example.net', 0, 0, '', '{BLF-CRYPT}BCRYPT',
   '{"mailbox_format": "maildir:"}'),
  ('room@example.net', 'room', 'example.net', 0, 1, 'location', '{BLF-CRYPT}BCRYPT',
   '{"mailbox_format": "maildir:"}'),
  ('max@example.com', 'max', 'example.com', 0, 1, '', '{BLF-CRYPT}BCRYPT',
   '{"mailbox_format": "mdbox:", "smtp_access": "0"}'),
  ('new@example.com', 'new', 'example.com', 0, 1, '', '{BLF-CRYPT}BCRYPT',
   '{"mailbox_format": "maildir:", "force_pw_update": "1"}'),
  ('dora@off.example', 'dora', 'off.example', 0, 1, '', '{BLF-CRYPT}BCRYPT',
   '{"mailbox_format": "maildir:"}'),
  ('eve@backup.example', 'eve', 'backup.example', 0, 1, '', '{BLF-CRYPT}BCRYPT',
   '{"mailbox_format": "maildir:"}');
UPDATE mailbox SET mailbox_path_prefix = 'ROOT/disk2/' WHERE username = 'carl@example.com';
INSERT INTO app_passwd (name, mailbox, domain, smtp_access, active, password) VALUES
  ('phone', 'ann@example.com', 'example.com', 1, 1, '{BLF-CRYPT}APP'),
  ('reader', 'carl@example.com', 'example.com', 1, 1, '{BLF-CRYPT}APP');
INSERT INTO alias (address, goto, domain, active) VALUES
  ('ann@example.com', 'ann@example.com', 'example.com', 1),
  ('carl@example.com', 'carl@example.com', 'example.com', 1),
  ('max@example.com', 'max@example.com', 'example.com', 1),
  ('new@example.com', 'new@example.com', 'example.com', 1),
  ('bert@example.com', 'bert@example.com', 'example.com', 0),
  ('bert@example.net', 'bert@example.net', 'example.net', 0),
  ('dora@off.example', 'dora@off.example', 'off.example', 1),
  ('info@example.com', 'ann@example.com', 'example.com', 1),
  ('all@example.com', 'ann@example.com,carl@example.com', 'example.com', 2),
  ('old@example.com', 'ann@example.com', 'example.com', 0),
  ('carl@example.org', 'ann@example.com', 'example.org', 1),
  ('@example.net', 'ann@example.com', 'example.net', 1);
INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('example.org', 'example.com');
INSERT INTO spamalias (address, goto, validity, permanent) VALUES
  ('soon@example.com', 'ann@example.com', UNIX_TIMESTAMP() + 86400, 0),
  ('late@example.com', 'ann@example.com', UNIX_TIMESTAMP() - 86400, 0),
  ('ever@example.com', 'ann@example.com', 0, 1);
