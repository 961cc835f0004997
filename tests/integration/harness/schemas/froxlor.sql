-- The tables of Froxlor, as far as mail is concerned, with MySQL's old three-byte UTF-8.
CREATE TABLE panel_customers (
  customerid INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, loginname VARCHAR(50) NOT NULL UNIQUE,
  deactivated TINYINT(1) NOT NULL DEFAULT 0
) ENGINE=InnoDB CHARACTER SET utf8mb3;
CREATE TABLE panel_domains (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, domain VARCHAR(255) NOT NULL,
  customerid INT UNSIGNED NOT NULL DEFAULT 0, isemaildomain TINYINT(1) NOT NULL DEFAULT 0,
  deactivated TINYINT(1) NOT NULL DEFAULT 0, KEY customerid (customerid), KEY domain (domain)
) ENGINE=InnoDB CHARACTER SET utf8mb3;
CREATE TABLE mail_users (
  id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255) NOT NULL DEFAULT '' UNIQUE,
  username VARCHAR(255) NOT NULL DEFAULT '', password VARCHAR(255) NOT NULL DEFAULT '',
  password_enc VARCHAR(255) NOT NULL DEFAULT '', uid INT NOT NULL DEFAULT 2000,
  homedir VARCHAR(255) NOT NULL DEFAULT '', maildir VARCHAR(255) NOT NULL DEFAULT '',
  postfix ENUM('Y', 'N') NOT NULL DEFAULT 'Y', domainid INT NOT NULL DEFAULT 0,
  customerid INT NOT NULL DEFAULT 0, quota BIGINT NOT NULL DEFAULT 0
) ENGINE=InnoDB CHARACTER SET utf8mb3;
CREATE TABLE mail_virtual (
  id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255) NOT NULL DEFAULT '',
  email_full VARCHAR(255) NOT NULL DEFAULT '', destination TEXT, domainid INT NOT NULL DEFAULT 0,
  customerid INT NOT NULL DEFAULT 0, iscatchall TINYINT(1) UNSIGNED NOT NULL DEFAULT 0, KEY email (email)
) ENGINE=InnoDB CHARACTER SET utf8mb3;
CREATE TABLE mail_sender_aliases (
  id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255) NOT NULL, allowed_sender VARCHAR(255) NOT NULL,
  UNIQUE KEY email_sender (email, allowed_sender)
) ENGINE=InnoDB CHARACTER SET utf8mb3;
-- ROWS: each address has a row of mail_virtual, which leads to its mailbox or others, by blanks; it may be empty.
INSERT INTO panel_customers (customerid, loginname, deactivated) VALUES
  (1, 'web1', 0), (2, 'web2', 0), (3, 'web3', 1);
INSERT INTO panel_domains (id, domain, customerid, isemaildomain, deactivated) VALUES
  (1, 'example.com', 1, 1, 0), (2, 'example.net', 2, 1, 0), (3, 'www.example.com', 1, 0, 0),
  (4, 'off.example', 1, 1, 1), (6, 'web3.example', 3, 1, 0);
INSERT INTO mail_users (email, username, homedir, maildir, postfix, domainid, customerid, quota, password_enc)
VALUES
  ('ann@example.com', 'ann@example.com', 'ROOT/', 'web1/example.com/ann/Maildir/', 'Y', 1, 1, 3, 'BCRYPT'),
  ('carl@example.com', 'carl@example.com', 'ROOT/', 'web1/example.com/carl/', 'Y', 1, 1, 0, 'BCRYPT'),
  ('bert@example.com', 'bert@example.com', 'ROOT/', 'web1/example.com/bert/Maildir/', 'N', 1, 1, 0, 'BCRYPT'),
  ('bert@example.net', 'bert@example.net', 'ROOT/', 'web2/example.net/bert/Maildir/', 'N', 2, 2, 0, 'BCRYPT'),
  ('ann@example.net', 'ann@example.net', 'ROOT/', 'web2/example.net/ann/Maildir/', 'Y', 2, 2, 0, 'BCRYPT'),
  ('dora@off.example', 'dora@off.example', 'ROOT/', 'web1/off.example/dora/Maildir/', 'Y', 4, 1, 0, 'BCRYPT'),
  ('fred@web3.example', 'fred@web3.example', 'ROOT/', 'web3/web3.example/fred/Maildir/', 'Y', 6, 3, 0, 'BCRYPT');
INSERT INTO mail_virtual (email, email_full, destination, domainid, customerid, iscatchall)
  SELECT email, email, email, domainid, customerid, 0 FROM mail_users;
INSERT INTO mail_virtual (email, email_full, destination, domainid, customerid, iscatchall) VALUES
  ('info@example.com', 'info@example.com', 'ann@example.com', 1, 1, 0),
  ('all@example.com', 'all@example.com', 'ann@example.com carl@example.com', 1, 1, 0),
  ('old@example.com', 'old@example.com', ' ', 1, 1, 0),
  ('info@web3.example', 'info@web3.example', 'ann@example.com', 6, 3, 0),
  ('@example.net', 'rest@example.net', 'ann@example.com', 2, 2, 1);
INSERT INTO mail_sender_aliases (email, allowed_sender) VALUES ('carl@example.com', 'extra@elsewhere.example');
