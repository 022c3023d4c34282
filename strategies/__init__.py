"""The strategies that come with mmbot: one plugin a file, found by file name."""
