redirect "anna@example.net";
redirect "ben@example.net";
