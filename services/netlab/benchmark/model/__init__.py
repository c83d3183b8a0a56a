"""The values of a benchmark: modes, workloads, jobs, slices, the path of a request."""
