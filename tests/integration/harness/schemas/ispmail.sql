-- The tables of the ISPmail guide for Debian 12, with MySQL's old three-byte UTF-8.
CREATE TABLE virtual_domains (
  id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL
) ENGINE=InnoDB CHARACTER SET utf8mb3;
CREATE TABLE virtual_users (
  id INT AUTO_INCREMENT PRIMARY KEY, domain_id INT NOT NULL, email VARCHAR(100) NOT NULL UNIQUE,
  password VARCHAR(150) NOT NULL, quota INT NOT NULL DEFAULT 0,
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB CHARACTER SET utf8mb3;
CREATE TABLE virtual_aliases (
  id INT AUTO_INCREMENT PRIMARY KEY, domain_id INT NOT NULL, source VARCHAR(100) NOT NULL,
  destination VARCHAR(100) NOT NULL,
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB CHARACTER SET utf8mb3;
-- ROWS
INSERT INTO virtual_domains (id, name) VALUES (1, 'example.com'), (2, 'example.net');
INSERT INTO virtual_users (domain_id, email, quota, password) VALUES
  (1, 'ann@example.com', 3145728, '{BLF-CRYPT}BCRYPT'), (1, 'carl@example.com', 0, '{BLF-CRYPT}BCRYPT');
INSERT INTO virtual_aliases (domain_id, source, destination) VALUES
  (1, 'info@example.com', 'ann@example.com'), (1, 'all@example.com', 'ann@example.com'),
  (1, 'all@example.com', 'carl@example.com'), (2, '@example.net', 'ann@example.com');
