"""The object model: which kinds there are, how they are written and read, quantities, selectors."""
