"""What `knarr get` does: ask, show, and go on showing."""
