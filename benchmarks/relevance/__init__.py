"""How well words, captions and pictures find together what each finds alone."""
