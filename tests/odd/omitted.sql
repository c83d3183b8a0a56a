-- A comment says that it is not to be published.
CREATE TABLE odd.omitted (id integer PRIMARY KEY);
COMMENT ON TABLE odd.omitted IS 'For the house only. @omit';
