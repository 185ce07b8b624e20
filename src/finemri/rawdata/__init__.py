"""Files of k-space: one format a file, and what turns k-space into an image."""
