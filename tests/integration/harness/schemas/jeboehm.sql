-- The tables of jeboehm/docker-mailserver, as far as mail is concerned.
CREATE TABLE mail_domains (
  id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255) NOT NULL UNIQUE
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE TABLE mail_users (
  id INT AUTO_INCREMENT PRIMARY KEY, domain_id INT NOT NULL, name VARCHAR(255) NOT NULL,
  password VARCHAR(255) NOT NULL, enabled TINYINT(1) NOT NULL DEFAULT 1,
  send_only TINYINT(1) NOT NULL DEFAULT 0, quota INT NOT NULL DEFAULT 0,
  UNIQUE KEY user_idx (name, domain_id), FOREIGN KEY (domain_id) REFERENCES mail_domains (id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE TABLE mail_aliases (
  id INT AUTO_INCREMENT PRIMARY KEY, domain_id INT NOT NULL, name VARCHAR(255) NOT NULL,
  destination VARCHAR(255) NOT NULL, UNIQUE KEY alias_idx (domain_id, name, destination),
  FOREIGN KEY (domain_id) REFERENCES mail_domains (id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
-- ROWS
INSERT INTO mail_domains (id, name) VALUES (1, 'example.com'), (2, 'example.net');
INSERT INTO mail_users (domain_id, name, quota, enabled, send_only, password) VALUES
  (1, 'ann', 3, 1, 0, 'HASH'), (1, 'carl', 0, 1, 0, 'HASH'), (1, 'bert', 0, 0, 0, 'HASH'),
  (2, 'bert', 0, 0, 0, 'HASH'), (2, 'sam', 0, 1, 1, 'HASH');
INSERT INTO mail_aliases (domain_id, name, destination) VALUES
  (1, 'info', 'ann@example.com'), (1, 'all', 'ann@example.com'), (1, 'all', 'carl@example.com'),
  (2, '', 'ann@example.com');
