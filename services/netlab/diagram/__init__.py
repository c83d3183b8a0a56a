"""An observation as a figure: what is in it, where it stands, and its SVG and HTML."""
