"""Relations and functions of a database that is not the loader's, published as collections beside the loaded ones."""
