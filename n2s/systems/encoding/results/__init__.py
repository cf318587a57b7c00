"""What a test of brain scores found: by subject, by region, over subjects; its tables."""
