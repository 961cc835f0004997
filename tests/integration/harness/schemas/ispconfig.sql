-- The tables of ISPConfig, as far as mail is concerned, with MySQL's old three-byte UTF-8.
CREATE TABLE mail_domain (
  domain_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, server_id INT UNSIGNED NOT NULL DEFAULT 0,
  domain VARCHAR(255) NOT NULL DEFAULT '', active ENUM('n', 'y') NOT NULL DEFAULT 'n',
  KEY server_id (server_id, domain), KEY domain_active (domain, active)
) ENGINE=InnoDB CHARACTER SET utf8mb3;
CREATE TABLE mail_user (
  mailuser_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, server_id INT UNSIGNED NOT NULL DEFAULT 0,
  email VARCHAR(255) NOT NULL DEFAULT '', login VARCHAR(255) NOT NULL DEFAULT '',
  password VARCHAR(255) NOT NULL DEFAULT '', maildir VARCHAR(255) NOT NULL DEFAULT '',
  maildir_format VARCHAR(255) NOT NULL DEFAULT 'maildir', quota BIGINT NOT NULL DEFAULT -1, cc TEXT,
  postfix ENUM('n', 'y') NOT NULL DEFAULT 'y', access ENUM('n', 'y') NOT NULL DEFAULT 'y',
  disabledeliver ENUM('n', 'y') NOT NULL DEFAULT 'n', disablesmtp ENUM('n', 'y') NOT NULL DEFAULT 'n',
  disablelmtp ENUM('n', 'y') NOT NULL DEFAULT 'n',
  KEY server_id (server_id, email), KEY email_access (email, access)
) ENGINE=InnoDB CHARACTER SET utf8mb3;
CREATE TABLE mail_forwarding (
  forwarding_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, server_id INT UNSIGNED NOT NULL DEFAULT 0,
  source VARCHAR(255) NOT NULL DEFAULT '', destination TEXT,
  type ENUM('alias', 'aliasdomain', 'forward', 'catchall') NOT NULL DEFAULT 'alias',
  active ENUM('n', 'y') NOT NULL DEFAULT 'n', allow_send_as ENUM('n', 'y') NOT NULL DEFAULT 'n',
  KEY server_id (server_id, source), KEY type (type)
) ENGINE=InnoDB CHARACTER SET utf8mb3;
-- ROWS: those of another server are not ours; destinations are divided by newlines.
INSERT INTO mail_domain (server_id, domain, active) VALUES
  (1, 'example.com', 'y'), (1, 'example.net', 'y'), (1, 'example.org', 'y'), (1, 'off.example', 'n'),
  (2, 'second.example', 'y');
INSERT INTO mail_user (server_id, email, login, maildir, maildir_format, quota, postfix, disabledeliver,
                       disablesmtp, password) VALUES
  (1, 'ann@example.com', 'ann@example.com', 'ROOT/example.com/ann', 'maildir', 3145728, 'y', 'n', 'n', 'HASH'),
  (1, 'carl@example.com', 'carl.login', 'ROOT/c/carl', 'maildir', -1, 'y', 'n', 'n', 'HASH'),
  (1, 'bert@example.com', 'bert@example.com', 'ROOT/example.com/bert', 'maildir', 0, 'n', 'n', 'y', 'HASH'),
  (1, 'bert@example.net', 'bert@example.net', 'ROOT/example.net/bert', 'maildir', 0, 'y', 'y', 'y', 'HASH'),
  (1, 'max@example.com', 'max@example.com', 'ROOT/example.com/max', 'mdbox', 0, 'y', 'n', 'n', 'HASH'),
  (1, 'dora@off.example', 'dora@off.example', 'ROOT/off.example/dora', 'maildir', 0, 'y', 'n', 'n', 'HASH'),
  (2, 'ann@second.example', 'ann@second.example', 'ROOT/second.example/ann', 'maildir', 0, 'y', 'n', 'n', 'HASH');
INSERT INTO mail_forwarding (server_id, source, destination, type, active, allow_send_as) VALUES
  (1, 'info@example.com', 'ann@example.com', 'alias', 'y', 'y'),
  (1, 'all@example.com', 'ann@example.com\ncarl@example.com', 'forward', 'y', 'n'),
  (1, 'old@example.com', 'ann@example.com', 'alias', 'n', 'n'),
  (1, '@example.net', 'ann@example.com', 'catchall', 'y', 'n'),
  (1, '@example.org', '@example.com', 'aliasdomain', 'y', 'n'),
  (1, 'own@example.org', 'carl@example.com', 'alias', 'y', 'n'),
  (1, 'own@example.com', 'ann@example.com', 'alias', 'y', 'n'),
  (2, 'info@second.example', 'ann@example.com', 'alias', 'y', 'n');
