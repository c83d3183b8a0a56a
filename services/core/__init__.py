"""What two services need: settings, errors, boxes, the catalogue and the way to the database."""

VERSION = "0.1.0"
