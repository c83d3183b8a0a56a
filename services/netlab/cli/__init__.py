"""The commands of `isthmus net`."""
