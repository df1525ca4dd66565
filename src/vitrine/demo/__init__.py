"""The demo shop: drawn products, a catalogue of them, and a contact sheet of searches."""
