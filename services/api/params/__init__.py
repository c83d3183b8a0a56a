"""Query parameters to values. Every mistake is a BadParameter or UnknownParameter that names the parameter."""
