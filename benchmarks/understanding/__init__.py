"""How well queries are understood: queries with their filters, and catalogues to ask them of."""
