"""The demo from nothing to hits: draws a shop, imports it, encodes it, searches it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitrine.catalogue import ImportOptions, import_catalogue
from vitrine.database import connect, database_url
from vitrine.demo.asking import ask
from vitrine.demo.claiming import claim_schema, keep_edition, kept_edition
from vitrine.demo.contact_sheet import Hit, Row, contact_sheet
from vitrine.demo.display import print_answer, print_personal, step
from vitrine.demo.encoding import encode_shop
from vitrine.demo.personal import Asked, ask_personal
from vitrine.demo.personal_page import personal_page
from vitrine.demo.products import products
from vitrine.demo.shop import write_shop
from vitrine.demo.shoppers import FEWEST_PRODUCTS, chosen_pair, settle_shoppers
from vitrine.demo.showcase import draw_query, showcase
from vitrine.encoder import load_encoder
from vitrine.errors import SettingsError
from vitrine.shop import connect as connect_shop
from vitrine.status import shop_status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from vitrine.catalogue import ImportReport
    from vitrine.demo.asking import Answer
    from vitrine.demo.personal import Personal
    from vitrine.demo.products import Product
    from vitrine.demo.shop import Shop
    from vitrine.demo.shoppers import Crowd
    from vitrine.encoder import Encoder
    from vitrine.settings import Settings
    from vitrine.shop import Shop as Client
    from vitrine.status import ShopStatus

__all__ = ["Outcome", "run_demo"]

HITS = 6  # of each search
WORDS = "jacket"  # asked for by shoppers of different tastes
CURRENCY = "USD"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run leaves behind: the contact sheet, the searches with what they found, and the page
    of personal search with its answers, which a shop of a few products has not.
    """

    sheet: Path
    answers: Sequence[Answer]
    personal: Personal | None = None
    page: Path | None = None


def run_demo(settings: Settings, folder: Path, count: int, console: Console) -> Outcome:
    """Run the demo in the schema of the settings, its files below `folder`; safe to repeat.

    Raises:
        SettingsError: the folder cannot be written, or the schema holds another shop.
        VitrineError: the database, the model or the import fails; the message says how.

    """
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # What cannot be written is better known now than after a minute of drawing.
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    url = _prepare_database(settings, console)
    encoder = _load_encoder(settings, console)
    shop = _draw(folder, count, console)
    _import(url, settings.db_schema, shop, console)
    status = _encode(url, settings, encoder, shop, console)
    with _writing(folder):
        picture = draw_query(folder / "query.jpg")
    crowd = _settle(url, settings.db_schema, shop, console)
    found = tuple(products(count))
    answers = []
    # The shoppers are nobody, so their ids are stored as they are and can be pasted into SQL.
    with connect_shop(
        url, schema=settings.db_schema, encoder=lambda: encoder, client_key=""
    ) as client:
        for search in showcase(found, shop.images, picture):
            answers.append(ask(client, search, shop.images, HITS))
            print_answer(console, answers[-1])
        personal = _ask_personal(client, crowd, found, shop, console) if crowd else None
    sheet, page = folder / "contact-sheet.png", folder / "personal.html"
    with _writing(folder):
        _write_sheet(sheet, answers, status)
        if personal and crowd:
            text = personal_page(
                personal, folder=folder, count=len(crowd.chosen), category=crowd.category
            )
            page.write_text(text, encoding="utf-8")
    return Outcome(sheet=sheet, answers=answers, personal=personal, page=page if personal else None)


def _settle(url: str, schema: str, shop: Shop, console: Console) -> Crowd | None:
    """The simulated shoppers with their histories; None where there is too little to choose."""
    if shop.products < FEWEST_PRODUCTS:
        return None
    with step(console, "shoppers") as current, connect(url, schema) as connection:
        current.doing("simulating")
        crowd = settle_shoppers(connection, schema, shop.edition)
        current.summary = (
            f"{len(crowd.shoppers.clients)} simulated shoppers with known tastes, "
            f"{crowd.events:,} events{'' if crowd.written else ' already'}"
        )
    return crowd


def _ask_personal(
    client: Client, crowd: Crowd, found: Sequence[Product], shop: Shop, console: Console
) -> Personal:
    asked = [
        Asked(title=f"browsing {crowd.category}", category=crowd.category),
        Asked(title=f"searching for {WORDS}", words=WORDS),
    ]
    titles = {product.sku: product.title for product in found}
    shoppers = chosen_pair(crowd, found)
    personal = ask_personal(client, asked, shoppers, titles=titles, images=shop.images, k=HITS)
    print_personal(console, personal)
    return personal


def _prepare_database(settings: Settings, console: Console) -> str:
    with step(console, "database") as current:
        current.doing("starting")
        url = database_url(settings)
        current.doing("preparing the schema")
        notes = claim_schema(url, settings.db_schema)
        with connect(url, settings.db_schema) as connection:
            [status, *_] = shop_status(connection)
        embedded = "" if settings.database_url else " (embedded)"
        current.summary = (
            f"PostgreSQL {status.server_version}{embedded}, pgvector {status.pgvector_version}, "
            f"schema {settings.db_schema}"
        )
    for note in notes if settings.database_url else ():
        console.print(f"  note: {note}", style="dim", markup=False, highlight=False)
    return url


def _load_encoder(settings: Settings, console: Console) -> Encoder:
    with step(console, "encoder") as current:
        current.doing(f"loading {settings.model}")
        encoder = load_encoder(
            settings.model, revision=settings.model_revision, device=settings.device
        )
        current.summary = (
            f"{encoder.identity.model}, {encoder.dimension} dimensions, on {encoder.device}"
        )
    return encoder


def _draw(folder: Path, count: int, console: Console) -> Shop:
    drawn = 0

    def progress(done: int, total: int) -> None:
        nonlocal drawn
        drawn = done
        current.advance("drawing pictures", done, total)

    with step(console, "shop") as current, _writing(folder):
        current.doing("drawing pictures")
        shop = write_shop(folder / "shop", count=count, progress=progress)
        current.summary = (
            f"{shop.products:,} products in {shop.variants:,} variants, {shop.pictures:,} pictures "
            f"{'drawn' if drawn else 'as drawn before'}"
        )
    return shop


def _import(url: str, schema: str, shop: Shop, console: Console) -> None:
    with step(console, "import") as current, connect(url, schema) as connection:
        current.doing("importing")
        report = import_catalogue(
            url,
            schema,
            shop.catalogue,
            ImportOptions(
                preset="magento",
                images=str(shop.images),
                currency=CURRENCY,
                full=True,
                # Another edition draws other pictures under the same paths.
                refresh=kept_edition(connection) != shop.edition,
            ),
            lambda stage, rows: current.doing(f"{stage}, {rows:,} rows"),
        )
        keep_edition(connection, shop.edition)
        current.summary = _import_summary(report)


def _import_summary(report: ImportReport) -> str:
    new = ", ".join(
        f"{report.counts.get((noun, 'new'), 0):,} {plural}"
        for noun, plural in (
            ("product", "products"),
            ("variant", "variants"),
            ("image", "images"),
            ("category", "categories"),
        )
        if report.counts.get((noun, "new"))
    )
    found = f"{new} new" if new else f"{report.changes:,} changes"
    rate = report.rows / report.seconds
    rejects = f"; see {report.rejects_file}" if report.rejects_file else ""
    return (
        f"{report.rows:,} rows, {rate:,.0f} a second: {found}, {report.rejects:,} rejects{rejects}"
    )


def _encode(
    url: str, settings: Settings, encoder: Encoder, shop: Shop, console: Console
) -> ShopStatus:
    settings = settings.model_copy(update={"images": str(shop.images)})
    with step(console, "vectors") as current:
        current.doing("encoding")
        done = encode_shop(
            url,
            settings,
            encoder,
            lambda now: current.advance("encoding pictures and texts", now.done, now.total),
        )
        with connect(url, settings.db_schema) as connection:
            [status] = [s for s in shop_status(connection) if s.status == "active"]
        current.summary = (
            f"{status.images_encoded:,} of {status.images:,} pictures and "
            f"{status.captions_encoded:,} of {status.captions:,} texts encoded"
            f"{'' if done.encoded else ' already'}"
        )
    return status


def _write_sheet(target: Path, answers: Sequence[Answer], status: ShopStatus) -> None:
    rows = [
        Row(
            sort=answer.search.sort,
            words=answer.search.title,
            small_print=answer.search.small_print,
            picture=answer.search.shown,
            hits=[
                Hit(
                    picture=found.picture,
                    title=found.title,
                    price=found.price_text,
                    note=" · ".join(filter(None, (found.brand, found.variant_text))),
                )
                for found in answer.found
            ],
        )
        for answer in answers
    ]
    subtitle = (
        f"{status.products:,} products and {status.images:,} pictures, searched inside "
        f"PostgreSQL {str(status.server_version).split()[0]} with the model {status.model}"
    )
    contact_sheet(rows, target, title="Vitrine demo shop", subtitle=subtitle)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Say which folder cannot be written, and how to choose another."""
    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"the demo cannot write its files below {folder} ({error}); "
            "choose another folder with --out"
        ) from error
