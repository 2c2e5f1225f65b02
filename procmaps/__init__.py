"""The pure core: bytes of /proc in, labelled memory out."""
