"""What a scanner does to tissue: degradation, noise, contrast."""
