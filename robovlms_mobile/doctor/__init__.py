"""The lab's checklist as code: look at the machine, the checkout, a config and its data, and say what to fix."""

from robovlms_mobile.doctor.checks import Section, diagnose

__all__ = ["Section", "diagnose"]
