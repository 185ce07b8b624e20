"""What computes: generators and critics. Each is built from plain numbers and knows nothing of files or training."""
