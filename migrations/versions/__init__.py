"""The schema steps, each running one frozen file under sql/schema."""
