"""Why a statement got its decision: what the model saw, what moved the score, and similar statements of its tenant."""

from monitoring.explain.app import create_app

__all__ = ["create_app"]
