require ["fileinto", "mailbox", "imap4flags"];
setflag "\\Seen";
fileinto :create "Filed";
