-- Only in the tests' cluster: the owner clones the template database.
ALTER ROLE isthmus_owner CREATEDB;
