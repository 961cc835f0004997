-- The tables of the mail server, for MariaDB and MySQL.
-- Load it into the selected database:  mariadb mailserver < schema.sql
-- Tables that exist are left as they are, so a site keeps its data.

CREATE TABLE IF NOT EXISTS virtual_domains (
  id   INT         NOT NULL AUTO_INCREMENT,
  name VARCHAR(50) NOT NULL,
  PRIMARY KEY (id),
  KEY name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- 106 characters are exactly a SHA512-CRYPT hash with a salt of 16.
CREATE TABLE IF NOT EXISTS virtual_users (
  id        INT          NOT NULL AUTO_INCREMENT,
  domain_id INT          NOT NULL,
  password  VARCHAR(106) NOT NULL,
  email     VARCHAR(100) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY email (email),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- source is not unique: each row of an alias adds a destination.
CREATE TABLE IF NOT EXISTS virtual_aliases (
  id          INT          NOT NULL AUTO_INCREMENT,
  domain_id   INT          NOT NULL,
  source      VARCHAR(100) NOT NULL,
  destination VARCHAR(100) NOT NULL,
  PRIMARY KEY (id),
  KEY source (source),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
