"""Filtered visual search: Vitrine beside plain pgvector and the engines of the Python registry."""
