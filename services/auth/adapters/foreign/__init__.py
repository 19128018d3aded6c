"""Who vouches for people outside: providers one signs in with, issuers whose tokens are taken."""
