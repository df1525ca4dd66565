"""Files of events: read, checked and copied into the history, as often as anybody likes."""

from __future__ import annotations

from vitrine.event_files.importing import EventImport, EventReport, import_events

__all__ = ["EventImport", "EventReport", "import_events"]
