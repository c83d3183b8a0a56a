"""WSGI layers before Flask: proxy headers, timing, workarounds for clients, the fast path."""
