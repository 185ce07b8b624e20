"""A scan, as files and as voxels."""
