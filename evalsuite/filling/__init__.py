"""Features of volumes, put into the cache ahead of any evaluation."""
