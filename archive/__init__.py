"""What a run is on disk or in a bucket: written once, read by all."""
