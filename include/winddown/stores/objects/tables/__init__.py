"""Tables that are more than their files: a log or metadata says which files make the table, and what is in them."""
