"""The RoboVLMs checkout: find it, pin it, fetch it, patch it. Only this package knows upstream's paths.

Everything here reads `patches/series.json` for what is expected: upstream's URL, the pinned commit, and the files
that the patches change. No torch, no import of `robovlms` itself.
"""

from robovlms_mobile.checkout.fetching import fetch
from robovlms_mobile.checkout.patching import patch, unpatch
from robovlms_mobile.checkout.series import Patch, Series
from robovlms_mobile.checkout.working_copy import PatchState, Status, checkout_status, find_checkout, require_checkout

__all__ = [
    "Patch",
    "PatchState",
    "Series",
    "Status",
    "checkout_status",
    "fetch",
    "find_checkout",
    "patch",
    "require_checkout",
    "unpatch",
]
