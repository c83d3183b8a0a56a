"""HTTP as values: request, links, negotiation, compression, conditional requests, problems. Imports no other room."""
