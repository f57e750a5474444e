"""Load the policy of an adapter folder as the node's parameters say. Runs in the policy's own process."""

from typing import TYPE_CHECKING

from robovlms_mobile.ros.node_parameters import Parameters

if TYPE_CHECKING:
    from robovlms_mobile.policy import MobilePolicy


def load(
    adapters: str, base: str | None, root: str | None, given: Parameters, unverified: bool = False
) -> "MobilePolicy":
    """Return the policy.

    Args:
        adapters, base, root: folders, as `MobilePolicy.from_pretrained` takes them.
        unverified: do not replay the golden frames first.

    Raises:
        MobileError: it does not load, or is not the policy that its golden frames are of.
    """
    from robovlms_mobile.policy import MobilePolicy

    policy = MobilePolicy.from_pretrained(
        adapters,
        device=given.device or None,
        dtype=given.dtype or None,
        base=base,
        strict=given.strict,
        root=root,
        execute=given.execute or None,
    )
    if not unverified:
        from robovlms_mobile.policy.verification import proved

        print(f"robovlms-mobile: {proved(policy)}", flush=True)
    return policy
