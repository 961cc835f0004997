-- The tables of ViMbAdmin, as far as mail is concerned, with MySQL's old three-byte UTF-8.
CREATE TABLE domain (
  id BIGINT AUTO_INCREMENT PRIMARY KEY, domain VARCHAR(255) NOT NULL,
  backupmx TINYINT(1) NOT NULL DEFAULT 0, active TINYINT(1) NOT NULL DEFAULT 1,
  UNIQUE KEY IX_Domain_1 (domain)
) ENGINE=InnoDB CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci;
CREATE TABLE mailbox (
  id BIGINT AUTO_INCREMENT PRIMARY KEY, username VARCHAR(255) NOT NULL, password VARCHAR(255) NOT NULL,
  quota BIGINT NOT NULL DEFAULT 0, local_part VARCHAR(255) NOT NULL,
  active TINYINT(1) NOT NULL DEFAULT 0, access_restriction VARCHAR(100) NOT NULL DEFAULT 'ALL',
  homedir VARCHAR(255), maildir VARCHAR(255), uid BIGINT, gid BIGINT,
  delete_pending TINYINT(1) DEFAULT 0, Domain_id BIGINT,
  UNIQUE KEY IX_Username_1 (username), FOREIGN KEY (Domain_id) REFERENCES domain (id)
) ENGINE=InnoDB CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci;
CREATE TABLE alias (
  id BIGINT AUTO_INCREMENT PRIMARY KEY, address VARCHAR(255) NOT NULL UNIQUE, goto LONGTEXT NOT NULL,
  active TINYINT(1) NOT NULL DEFAULT 1, Domain_id BIGINT, FOREIGN KEY (Domain_id) REFERENCES domain (id)
) ENGINE=InnoDB CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci;
-- ROWS: every mailbox has an alias that leads to itself.
INSERT INTO domain (id, domain, backupmx, active) VALUES
  (1, 'example.com', 0, 1), (2, 'example.net', 0, 1), (4, 'off.example', 0, 0), (5, 'backup.example', 1, 1);
INSERT INTO mailbox (username, local_part, quota, active, delete_pending, maildir, Domain_id, password) VALUES
  ('ann@example.com', 'ann', 3145728, 1, 0, 'maildir:ROOT/example.com/ann/mail:LAYOUT=fs', 1, '{BLF-CRYPT}BCRYPT'),
  ('carl@example.com', 'carl', 0, 1, NULL, 'maildir:ROOT/c/a/carl', 1, '{BLF-CRYPT}BCRYPT'),
  ('bert@example.com', 'bert', 0, 0, 0, 'maildir:ROOT/example.com/bert/mail:LAYOUT=fs', 1, '{BLF-CRYPT}BCRYPT'),
  ('bert@example.net', 'bert', 0, 1, 1, 'maildir:ROOT/example.net/bert/mail:LAYOUT=fs', 2, '{BLF-CRYPT}BCRYPT'),
  ('max@example.com', 'max', 0, 1, 0, 'mdbox:ROOT/example.com/max/mdbox', 1, '{BLF-CRYPT}BCRYPT'),
  ('dora@off.example', 'dora', 0, 1, 0, 'maildir:ROOT/off.example/dora/mail:LAYOUT=fs', 4, '{BLF-CRYPT}BCRYPT'),
  ('eve@backup.example', 'eve', 0, 1, 0, 'maildir:ROOT/backup.example/eve/mail', 5, '{BLF-CRYPT}BCRYPT');
UPDATE mailbox SET access_restriction = 'IMAP,SMTP' WHERE username = 'carl@example.com';
UPDATE mailbox SET access_restriction = 'IMAP' WHERE username = 'max@example.com';
INSERT INTO alias (address, goto, active, Domain_id)
  SELECT username, username, active, Domain_id FROM mailbox;
INSERT INTO alias (address, goto, active, Domain_id) VALUES
  ('info@example.com', 'ann@example.com', 1, 1),
  ('all@example.com', 'ann@example.com,carl@example.com', 1, 1),
  ('old@example.com', 'ann@example.com', 0, 1), ('@example.net', 'ann@example.com', 1, 2);
