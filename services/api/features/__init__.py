"""FeatureService: a page of features and a single feature, as values."""
