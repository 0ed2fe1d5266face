"""What swaps are guarded by in tests."""

from typing import Final

from serving.reload.tripwire import TripLimits

LIMITS: Final = TripLimits(heavy_rise=0.3, heavy_fall=0.8, error_rise=0.05, decisions=100, seconds=3.0)
