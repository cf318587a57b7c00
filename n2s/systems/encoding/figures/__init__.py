"""What the page of brain scores draws."""
