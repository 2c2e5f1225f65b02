"""OpenSSH's client configuration: what it says of how a host is reached."""
