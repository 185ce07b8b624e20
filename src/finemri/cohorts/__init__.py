"""Who was scanned, who is learnt from, and which examples to learn with."""
