require ["variables", "reject", "fileinto", "mailbox"];
fileinto :create "Never";
reject "no";
