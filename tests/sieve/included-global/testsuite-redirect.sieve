redirect "anna@example.net";
