"""The SQL that Vitrine runs: frozen schema steps and replayable functions."""
