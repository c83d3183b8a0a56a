"""The cage: a process for each dataset that opens and reads it, with nothing in it that a file could take or harm."""
