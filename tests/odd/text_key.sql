-- Ids are texts, with what an address must escape.
CREATE TABLE odd.text_key (code varchar(40) PRIMARY KEY, n integer);
INSERT INTO odd.text_key
SELECT code, row_number() OVER () FROM unnest(ARRAY[
    'plain', 'with space', 'a/b', 'a//b', 'ä€😀', 'quote"d', 'per%cent', '%41', '?x=1&y', '#frag', 'semi;colon', '007', '7', 'a,b', '+1', '.hidden', '/7', E'two\nlines'
]) AS code;
