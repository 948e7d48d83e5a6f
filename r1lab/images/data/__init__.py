"""Square images from a name, a folder, an array, a zip or the Hugging Face Hub.

>>> from r1lab.images.data import inspect, load
>>> print(inspect("photos-32", size=16, limit=100))
photos-32: 100 images, colour (3 x 16 x 16)
labels: none
sizes: 32 x 32 (100)
modes: RGB (100)
"""

from r1lab.images.data.cache import cache_folder
from r1lab.images.data.imageset import Images
from r1lab.images.data.loading import inspect, load
from r1lab.images.data.report import Problem, Report

__all__ = ["Images", "Problem", "Report", "cache_folder", "inspect", "load"]
