"""Tables of cells, CSV or spreadsheets, as layers: what their columns are, and which of them say a place."""
