"""What changed since the last run of the same scope: computed at closing, told by every output."""
