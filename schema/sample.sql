-- Sample rows to try the mail server with; not for a machine on the Internet,
-- since the passwords are public: firstpassword and secondpassword.

INSERT INTO virtual_domains (id, name) VALUES
  (1, 'example.com'),
  (2, 'hostname.example.com'),
  (3, 'hostname'),
  (4, 'localhost.example.com');

INSERT INTO virtual_users (id, domain_id, password, email) VALUES
  (1, 1, '$6$qK6vOLrQgeLk2tSd$VSae2KdrqS08uXHTh.XWU1dEIePDxqkF8fkT.hrLA3moGYQNnnrjVM0.bMTMq3tsriJCgljWjskN8WWwz7UF3.',
   'email1@example.com'),
  (2, 1, '$6$U.MIfZmzxrMnofUR$j7rPCEucXEukm6t.qP7MbBzi8uamlt/VuqVS8MCCG5zXV1x87kyNjNJSY82qDbVVCEHCyZElUG1cc8lUjEHQp0',
   'email2@example.com');

INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES
  (1, 1, 'alias@example.com', 'email1@example.com');
