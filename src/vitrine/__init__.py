"""Visual product search inside a shop's own PostgreSQL."""
