"""The tutorial of docs/networking.md: a page whose demos run on this machine and are compared with it."""
