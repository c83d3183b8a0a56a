-- Times of day, the end of one among them.
CREATE TABLE odd.times_of_day (id integer PRIMARY KEY, hour time);
INSERT INTO odd.times_of_day VALUES (1, '00:00'), (2, '24:00'), (3, '12:00:00.5');
