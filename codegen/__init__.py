"""From graph and forest to a plan, and from a plan to results (interpreter) or C."""

from codegen.plan import Plan, PlanError

__all__ = ["Plan", "PlanError"]
