"""A simulated shop: shoppers with known tastes, what they do, and whether search serves them."""

from vitrine.simulation.assortment import Assortment, read_assortment
from vitrine.simulation.evaluation import Served, Verdict, judge, recovered
from vitrine.simulation.tastes import Shoppers, draw_shoppers
from vitrine.simulation.visits import shuffled, shuffled_pages, visits
from vitrine.simulation.writing import write_popularity, write_searches, write_visits

__all__ = [
    "Assortment",
    "Served",
    "Shoppers",
    "Verdict",
    "draw_shoppers",
    "judge",
    "read_assortment",
    "recovered",
    "shuffled",
    "shuffled_pages",
    "visits",
    "write_popularity",
    "write_searches",
    "write_visits",
]
