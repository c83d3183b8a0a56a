"""The Docker engine, the host and each container as they answer; the only room that does such I/O."""
