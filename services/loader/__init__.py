"""Files on the data volume become collections: scan, read, plan, copy, swap, report."""
