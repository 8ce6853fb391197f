"""The command line `knarr`: kubectl's verbs and habits, over the client library alone."""
