"""JSON documents made from the catalogue: landing page, collections, schemas, tilesets, OpenAPI."""
