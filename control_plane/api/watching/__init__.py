"""Watches: changes of one kind from any recent version on, filtered, to many watchers, in bounded memory."""
