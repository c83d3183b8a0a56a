"""Pictures of collections, for cards and link previews."""
