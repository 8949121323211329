"""The patient's axes, along which the voxels of every case run."""

TOWARDS = {"left-right": "right", "front-back": "front", "feet-head": "head"}  # of the last voxel
AXES = tuple(TOWARDS)
