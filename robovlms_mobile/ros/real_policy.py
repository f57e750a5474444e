"""Load the policy of an adapter folder as the node's parameters say. Runs in the policy's own process."""

from typing import TYPE_CHECKING

from robovlms_mobile.ros.node_parameters import Parameters

if TYPE_CHECKING:
    from robovlms_mobile.policy import MobilePolicy


def load(adapters: str, base: str | None, root: str | None, given: Parameters) -> "MobilePolicy":
    """Return the policy.

    Args:
        adapters, base, root: folders, as `MobilePolicy.from_pretrained` takes them.
    """
    from robovlms_mobile.policy import MobilePolicy

    return MobilePolicy.from_pretrained(
        adapters,
        device=given.device or None,
        dtype=given.dtype or None,
        base=base,
        strict=given.strict,
        root=root,
        execute=given.execute or None,
    )
