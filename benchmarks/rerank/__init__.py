"""Personal search on the histories of real households."""
