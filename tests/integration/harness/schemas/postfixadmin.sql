-- The tables of PostfixAdmin, as far as mail is concerned, in its character sets.
CREATE TABLE domain (
  domain VARCHAR(255) NOT NULL PRIMARY KEY,
  transport VARCHAR(255) NOT NULL DEFAULT 'virtual',
  quota BIGINT NOT NULL DEFAULT 0,
  backupmx TINYINT(1) NOT NULL DEFAULT 0,
  active TINYINT(1) NOT NULL DEFAULT 1
) ENGINE=InnoDB CHARACTER SET latin1 COLLATE latin1_general_ci;
CREATE TABLE mailbox (
  username VARCHAR(255) NOT NULL PRIMARY KEY,
  password VARCHAR(255) NOT NULL DEFAULT '*',
  name VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
  maildir VARCHAR(255) NOT NULL,
  quota BIGINT NOT NULL DEFAULT 0,
  local_part VARCHAR(255) NOT NULL,
  domain VARCHAR(255) NOT NULL,
  active TINYINT(1) NOT NULL DEFAULT 1,
  smtp_active TINYINT(1) NOT NULL DEFAULT 1,
  KEY domain (domain)
) ENGINE=InnoDB CHARACTER SET latin1 COLLATE latin1_general_ci;
CREATE TABLE mailbox_app_password (
  id INT AUTO_INCREMENT PRIMARY KEY, username VARCHAR(255), description VARCHAR(255),
  password_hash VARCHAR(255)
) ENGINE=InnoDB CHARACTER SET latin1 COLLATE latin1_general_ci;
CREATE TABLE alias (
  address VARCHAR(255) NOT NULL PRIMARY KEY,
  goto TEXT NOT NULL,
  domain VARCHAR(255) NOT NULL,
  active TINYINT(1) NOT NULL DEFAULT 1,
  KEY domain (domain)
) ENGINE=InnoDB CHARACTER SET latin1 COLLATE latin1_general_ci;
CREATE TABLE alias_domain (
  alias_domain VARCHAR(255) NOT NULL PRIMARY KEY,
  target_domain VARCHAR(255) NOT NULL,
  active TINYINT(1) NOT NULL DEFAULT 1,
  KEY active (active), KEY target_domain (target_domain)
) ENGINE=InnoDB CHARACTER SET latin1 COLLATE latin1_general_ci;
-- What all domains have in common belongs to a domain of this name.
INSERT INTO domain (domain) VALUES ('ALL');
-- ROWS: every mailbox has an alias that leads to itself.
INSERT INTO domain (domain, backupmx, active) VALUES
  ('example.com', 0, 1), ('example.net', 0, 1), ('example.org', 0, 1), ('off.example', 0, 0),
  ('backup.example', 1, 1);
INSERT INTO mailbox (username, maildir, local_part, domain, quota, active, smtp_active, password) VALUES
  ('ann@example.com', 'example.com/ann/', 'ann', 'example.com', 3145728, 1, 1, 'HASH'),
  ('carl@example.com', 'c/ca/Carl-2026.11.26/', 'carl', 'example.com', 0, 1, 0, 'HASH'),
  ('bert@example.com', 'example.com/bert/', 'bert', 'example.com', 0, 0, 1, 'HASH'),
  ('bert@example.net', 'example.net/bert/', 'bert', 'example.net', 0, 0, 1, 'HASH'),
  ('dora@off.example', 'off.example/dora/', 'dora', 'off.example', 0, 1, 1, 'HASH'),
  ('eve@backup.example', 'backup.example/eve/', 'eve', 'backup.example', 0, 1, 1, 'HASH');
INSERT INTO alias (address, goto, domain, active) VALUES
  ('ann@example.com', 'ann@example.com', 'example.com', 1),
  ('carl@example.com', 'carl@example.com', 'example.com', 1),
  ('bert@example.com', 'bert@example.com', 'example.com', 0),
  ('bert@example.net', 'bert@example.net', 'example.net', 0),
  ('info@example.com', 'ann@example.com', 'example.com', 1),
  ('all@example.com', 'ann@example.com,carl@example.com', 'example.com', 1),
  ('old@example.com', 'ann@example.com', 'example.com', 0),
  ('own@example.org', 'carl@example.com', 'example.org', 1),
  ('own@example.com', 'ann@example.com', 'example.com', 1),
  ('@example.net', 'ann@example.com', 'example.net', 1);
INSERT INTO mailbox_app_password (username, description, password_hash) VALUES
  ('ann@example.com', 'phone', 'APP'), ('bert@example.com', 'phone', 'APP');
INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('example.org', 'example.com');
