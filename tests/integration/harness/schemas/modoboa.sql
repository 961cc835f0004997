-- The tables of Modoboa, as far as mail is concerned.
CREATE TABLE admin_domain (
  id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE,
  type VARCHAR(20) NOT NULL DEFAULT 'domain', enabled TINYINT(1) NOT NULL DEFAULT 1
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE core_user (
  id INT AUTO_INCREMENT PRIMARY KEY, username VARCHAR(254) NOT NULL UNIQUE, email VARCHAR(254) NOT NULL,
  password VARCHAR(256) NOT NULL, is_active TINYINT(1) NOT NULL DEFAULT 1,
  KEY email (email), KEY is_active (is_active)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE admin_mailbox (
  id INT AUTO_INCREMENT PRIMARY KEY, address VARCHAR(252) NOT NULL,
  quota INT UNSIGNED NOT NULL DEFAULT 0, is_send_only TINYINT(1) NOT NULL DEFAULT 0,
  domain_id INT NOT NULL, user_id INT NOT NULL UNIQUE, KEY domain_id (domain_id),
  FOREIGN KEY (domain_id) REFERENCES admin_domain (id), FOREIGN KEY (user_id) REFERENCES core_user (id)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE admin_mailboxoperation (
  id INT AUTO_INCREMENT PRIMARY KEY, mailbox_id INT NULL, type VARCHAR(20) NOT NULL,
  argument LONGTEXT NOT NULL, FOREIGN KEY (mailbox_id) REFERENCES admin_mailbox (id)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE admin_alias (
  id INT AUTO_INCREMENT PRIMARY KEY, address VARCHAR(254) NOT NULL, domain_id INT NULL,
  enabled TINYINT(1) NOT NULL DEFAULT 1, internal TINYINT(1) NOT NULL DEFAULT 0, expire_at DATETIME(6) NULL,
  UNIQUE KEY address (address, internal), FOREIGN KEY (domain_id) REFERENCES admin_domain (id)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE modoboa_admin_aliasrecipient (
  id INT AUTO_INCREMENT PRIMARY KEY, address VARCHAR(254) NOT NULL, alias_id INT NOT NULL,
  r_mailbox_id INT NULL, FOREIGN KEY (alias_id) REFERENCES admin_alias (id)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE admin_domainalias (
  id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE,
  enabled TINYINT(1) NOT NULL DEFAULT 1, target_id INT NOT NULL,
  FOREIGN KEY (target_id) REFERENCES admin_domain (id)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE TABLE admin_senderaddress (
  id INT AUTO_INCREMENT PRIMARY KEY, address VARCHAR(254) NOT NULL, mailbox_id INT NOT NULL,
  FOREIGN KEY (mailbox_id) REFERENCES admin_mailbox (id)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
-- ROWS: every mailbox has an internal alias that leads to itself; names of users need not be addresses.
INSERT INTO admin_domain (id, name, type, enabled) VALUES
  (1, 'example.com', 'domain', 1), (2, 'example.net', 'domain', 1), (4, 'off.example', 'domain', 0),
  (5, 'backup.example', 'relaydomain', 1);
INSERT INTO core_user (id, username, email, is_active, password) VALUES
  (1, 'ann@example.com', 'ann@example.com', 1, '{SHA512-CRYPT}HASH'),
  (2, 'boss', 'carl@example.com', 1, '{SHA512-CRYPT}HASH'),
  (3, 'bert@example.com', 'bert@example.com', 0, '{SHA512-CRYPT}HASH'),
  (4, 'bert@example.net', 'bert@example.net', 0, '{SHA512-CRYPT}HASH'),
  (5, 'sam@example.com', 'sam@example.com', 1, '{SHA512-CRYPT}HASH'),
  (6, 'mona@example.com', 'mona@example.com', 1, '{SHA512-CRYPT}HASH'),
  (7, 'dora@off.example', 'dora@off.example', 1, '{SHA512-CRYPT}HASH');
INSERT INTO admin_mailbox (id, address, quota, is_send_only, domain_id, user_id) VALUES
  (1, 'ann', 3, 0, 1, 1), (2, 'carl', 0, 0, 1, 2), (3, 'bert', 0, 0, 1, 3), (4, 'bert', 0, 0, 2, 4),
  (5, 'sam', 0, 1, 1, 5), (6, 'mona', 0, 0, 1, 6), (7, 'dora', 0, 0, 4, 7);
INSERT INTO admin_mailboxoperation (mailbox_id, type, argument) VALUES
  (6, 'rename', 'ROOT/example.com/maria'), (NULL, 'delete', 'ROOT/example.com/gone');
INSERT INTO admin_alias (id, address, domain_id, enabled, internal, expire_at) VALUES
  (1, 'ann@example.com', 1, 1, 1, NULL), (2, 'carl@example.com', 1, 1, 1, NULL),
  (3, 'bert@example.com', 1, 0, 1, NULL), (4, 'bert@example.net', 2, 0, 1, NULL),
  (5, 'mona@example.com', 1, 1, 1, NULL), (10, 'info@example.com', 1, 1, 0, NULL),
  (11, 'all@example.com', 1, 1, 0, NULL), (12, 'old@example.com', 1, 0, 0, NULL),
  (13, 'soon@example.com', 1, 1, 0, UTC_TIMESTAMP() + INTERVAL 1 DAY),
  (14, 'late@example.com', 1, 1, 0, UTC_TIMESTAMP() - INTERVAL 1 SECOND),
  (15, '@example.net', 2, 1, 0, NULL), (16, 'carl@example.org', NULL, 1, 0, NULL);
INSERT INTO modoboa_admin_aliasrecipient (alias_id, address) VALUES
  (1, 'ann@example.com'), (2, 'carl@example.com'), (3, 'bert@example.com'), (4, 'bert@example.net'),
  (5, 'mona@example.com'), (10, 'ann@example.com'), (11, 'ann@example.com'), (11, 'carl@example.com'),
  (12, 'ann@example.com'), (13, 'ann@example.com'), (14, 'ann@example.com'), (15, 'ann@example.com'),
  (16, 'ann@example.com');
INSERT INTO admin_domainalias (name, target_id) VALUES ('example.org', 1);
INSERT INTO admin_senderaddress (address, mailbox_id) VALUES ('extra@elsewhere.example', 2);
