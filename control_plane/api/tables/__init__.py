"""Tables: the columns of each kind, made on the server so that every client prints the same. Pure.

Which columns a kind has stands in the registry; how its cells are made, in the files beside this one.
"""
