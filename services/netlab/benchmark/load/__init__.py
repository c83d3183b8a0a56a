"""The load: a client process of raw sockets, and the clocks that tell who takes CPU."""
