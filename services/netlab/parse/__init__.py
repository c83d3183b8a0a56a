"""A recording as an Observation."""
