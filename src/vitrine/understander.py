"""A language model that understands queries, as an option beside the rules of the database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from psycopg import sql

from vitrine.encoder.loading import check_weights, locate_model
from vitrine.errors import ModelError, QueryError
from vitrine.filters import json_text
from vitrine.search import search_errors
from vitrine.understanding import Chip, Understood, run_understand

if TYPE_CHECKING:
    from vitrine.database import Connection

__all__ = ["Understander", "load_understander"]

LONGEST_ANSWER = 256  # tokens
PROMPT = (
    "Write what a shopper asks for as JSON: the words to search by, and for each condition the "
    'part of the query and its filter.\nQuery: red dress under 50\nJSON: {{"words": "red dress", '
    '"chips": [{{"text": "red", "filter": {{"options": {{"color": "red"}}}}}}, {{"text": '
    '"under 50", "filter": {{"price": {{"lt": 50}}}}}}]}}\nQuery: {query}\nJSON: '
)


class Understander:
    """Asks a model, then the database whether its answer can be used; see `load_understander`."""

    def __init__(self, network: Any, tokenizer: Any) -> None:
        self._network = network
        self._tokenizer = tokenizer

    def understand(
        self, connection: Connection, schema: str, query: str, *, without: Sequence[str] = ()
    ) -> Understood:
        """The model's answer if it can be used, else that of the rules.

        Raises:
            QueryError: the query cannot be read.
            DatabaseError: the database cannot be used.

        """
        rules = run_understand(connection, schema, query, without=without)
        removed = {text.lower() for text in without}
        answer = read_answer(self.write(query), query)
        if answer is None or removed & {chip.text.lower() for chip in answer.chips}:
            return rules
        return answer if is_usable(connection, schema, answer) else rules

    def write(self, query: str) -> str:
        """What the model writes for a query, by greedy decoding."""
        import torch

        prompt = PROMPT.format(query=query)
        longest = getattr(self._network.config, "max_position_embeddings", None)
        room = None if longest is None else max(1, longest - LONGEST_ANSWER)
        inputs = self._tokenizer(
            prompt, return_tensors="pt", truncation=room is not None, max_length=room
        )
        with torch.inference_mode():
            written = self._network.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                max_new_tokens=LONGEST_ANSWER,
                do_sample=False,
            )[0]
        if not self._network.config.is_encoder_decoder:
            written = written[inputs["input_ids"].shape[1] :]
        return str(self._tokenizer.decode(written, skip_special_tokens=True))


def load_understander(model: str, *, revision: str | None = None) -> Understander:
    """Load a causal or sequence-to-sequence model: a folder, or a hub id at a pinned revision.

    Only safetensors are read and no code from the model's repository is run.

    Raises:
        ModelError: it cannot be loaded, or writes no text.

    """
    import transformers

    _, _, folder = locate_model(model, revision)
    check_weights(folder)
    safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = transformers.AutoConfig.from_pretrained(folder, **safely)
        family = (
            transformers.AutoModelForSeq2SeqLM
            if config.is_encoder_decoder
            else transformers.AutoModelForCausalLM
        )
        network = family.from_pretrained(folder, use_safetensors=True, **safely).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **safely)
    except (OSError, ValueError, KeyError, RuntimeError) as exc:
        message = f"{folder} holds no model that writes text: {exc}"
        raise ModelError(message) from exc
    return Understander(network, tokenizer)


def read_answer(text: str, query: str) -> Understood | None:
    """The first JSON object of what a model wrote; None if it does not have the form asked for."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        answer, _ = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):
        return None
    words, parts = answer.get("words"), answer.get("chips")
    if not (words is None or isinstance(words, str)) or not isinstance(parts, list):
        return None
    chips = tuple(_chip(part, query) for part in parts)
    if not all(chips):
        return None
    known = [chip for chip in chips if chip is not None]
    conditions = [chip.filter for chip in known]
    filters = {} if not conditions else conditions[0] if len(conditions) == 1 else None
    return Understood(
        query=query,
        words=words or None,
        filters={"all": conditions} if filters is None else filters,
        chips=tuple(known),
    )


def is_usable(connection: Connection, schema: str, answer: Understood) -> bool:
    """Whether its filters compile and ask only for what the vocabulary has."""
    statement = sql.SQL(
        "SELECT {0}.filters_are_known(f.filters) AND c.on_product IS NOT NULL "
        "FROM (SELECT %s::jsonb AS filters) f CROSS JOIN LATERAL {0}.compile_filter(f.filters) c"
    ).format(sql.Identifier(schema))
    try:
        with connection.transaction(), search_errors():
            row = connection.execute(statement, (json_text(answer.filters, "filters"),)).fetchone()
    except QueryError:
        return False
    return row == (True,)


def _chip(part: Any, query: str) -> Chip | None:
    """A chip whose text stands in the query, and whose filter has one field."""
    if not isinstance(part, Mapping):
        return None
    text, condition = part.get("text"), part.get("filter")
    if not isinstance(text, str) or not text or text.lower() not in query.lower():
        return None
    if not isinstance(condition, dict) or len(condition) != 1:
        return None
    field = next(iter(condition))
    return Chip(text=text, field=field, name=None, label=text, filter=condition)
