"""Getting public data sets: lists of files, and transfers that go on where they were broken off."""
