"""The documentation, one page a question, and what writes the pages made from the code."""
