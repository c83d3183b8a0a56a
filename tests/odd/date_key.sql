-- A day is the key.
CREATE TABLE odd.date_key (day date PRIMARY KEY, temperature numeric(5, 2));
INSERT INTO odd.date_key SELECT date '2024-01-01' + n, n / 3.0 FROM generate_series(0, 59) AS n;
