"""Why an object is not as it should be: one kind of trouble a file. Pure but for facts.py, which reads."""
