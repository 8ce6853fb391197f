"""Making new inputs from old ones: text, JSON values, protobuf messages. Everything takes a random.Random."""
