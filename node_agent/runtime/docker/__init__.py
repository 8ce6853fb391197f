"""The Docker engine as a Runtime, by the docker SDK in threads."""
