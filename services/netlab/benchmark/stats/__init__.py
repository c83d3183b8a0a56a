"""What the slices come to: medians, intervals, what is more than noise, and why."""
