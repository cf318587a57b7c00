"""What `n2s studies check` looks at."""
