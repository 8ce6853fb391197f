"""What `knarr apply` and `knarr diff` share: items of files, checks before the first change, pruning."""
