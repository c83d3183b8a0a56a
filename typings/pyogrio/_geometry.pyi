GEOMETRY_TYPES: dict[int, str | None]
