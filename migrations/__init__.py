"""Alembic migrations of one shop's schema."""
