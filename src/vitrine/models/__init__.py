"""SQLAlchemy 2 models of every table, for the shop's own queries.

The tables live in the schema `vitrine`; for another shop's schema, run with the execution option
`schema_translate_map={"vitrine": "shop2"}`.
"""

from __future__ import annotations

from vitrine.models.base import Base
from vitrine.models.catalogue import (
    Category,
    ImportRun,
    Product,
    ProductCategory,
    ProductText,
    Setting,
    Variant,
)
from vitrine.models.cells import Cell, CellGeneration, StaleProduct, WaitingProduct, Whitening
from vitrine.models.experiments import Experiment
from vitrine.models.facets import (
    FacetBitmap,
    FacetChange,
    FacetColumn,
    FacetValue,
)
from vitrine.models.history import Event, EventDay, EventRow, Quarantine, Query
from vitrine.models.personal import (
    CommonPreference,
    HistorySweep,
    KeptHistory,
    PriceBand,
    PriceSweep,
    ProductValue,
    RerankWeights,
    ValueShare,
)
from vitrine.models.pictures import Caption, Image, ImageVariant
from vitrine.models.privacy import ClientSecret, ForgetGate, Forgotten, OptOut
from vitrine.models.recommendations import (
    Association,
    AssociationCount,
    CategoryAffinity,
    CategoryCount,
    CategoryPair,
    RecommendationDue,
    RecommendationHorizon,
    Trend,
)
from vitrine.models.rollups import CategoryDay, PositionDay, QueryDay, RollupDay
from vitrine.models.rules import Rule
from vitrine.models.spaces import EncodingRequest, QueryVector, Space, Worker, WorkQueue
from vitrine.models.staging import ImportLink, ImportMember, ImportReject, ImportRow
from vitrine.models.text import HeldDocument, ProductDocument, Word
from vitrine.models.vectors import CaptionVector, ImageVector, caption_vector, image_vector
from vitrine.models.vocabulary import Vocabulary, VocabularyDoubt

__all__ = [
    "Association",
    "AssociationCount",
    "Base",
    "Caption",
    "CaptionVector",
    "Category",
    "CategoryAffinity",
    "CategoryCount",
    "CategoryDay",
    "CategoryPair",
    "Cell",
    "CellGeneration",
    "ClientSecret",
    "CommonPreference",
    "EncodingRequest",
    "Event",
    "EventDay",
    "EventRow",
    "Experiment",
    "FacetBitmap",
    "FacetChange",
    "FacetColumn",
    "FacetValue",
    "ForgetGate",
    "Forgotten",
    "HeldDocument",
    "HistorySweep",
    "Image",
    "ImageVariant",
    "ImageVector",
    "ImportLink",
    "ImportMember",
    "ImportReject",
    "ImportRow",
    "ImportRun",
    "KeptHistory",
    "OptOut",
    "PositionDay",
    "PriceBand",
    "PriceSweep",
    "Product",
    "ProductCategory",
    "ProductDocument",
    "ProductText",
    "ProductValue",
    "Quarantine",
    "Query",
    "QueryDay",
    "QueryVector",
    "RecommendationDue",
    "RecommendationHorizon",
    "RerankWeights",
    "RollupDay",
    "Rule",
    "Setting",
    "Space",
    "StaleProduct",
    "Trend",
    "ValueShare",
    "Variant",
    "Vocabulary",
    "VocabularyDoubt",
    "WaitingProduct",
    "Whitening",
    "Word",
    "WorkQueue",
    "Worker",
    "caption_vector",
    "image_vector",
]
