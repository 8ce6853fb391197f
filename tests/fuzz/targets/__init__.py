"""The targets: each names a way into Knarr that strangers can write to."""
