"""Random models of every family, small enough to make and load in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers as tf
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = [
    *("a", "the", "of", "in", "with", "and", "black", "red", "blue", "cotton"),
    *("jacket", "shoe", "shirt", "dress", "鞋", "红"),
]
SIDE, PATCH, DIMENSION, LENGTH = 32, 8, 24, 16
TOWER = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}


def tiny_tokenizer() -> Any:
    """Word-level, with start, end and padding; unknown words have a token of their own."""
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tf.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        eos_token="[SEP]",
        model_max_length=LENGTH,
        model_input_names=["input_ids", "attention_mask"],
    )


def _text(**more: Any) -> dict[str, Any]:
    size = {"vocab_size": len(WORDS) + 4, "max_position_embeddings": LENGTH}
    return {**TOWER, **size, "eos_token_id": 3, "pad_token_id": 0, "bos_token_id": 2, **more}


def _vision(**more: Any) -> dict[str, Any]:
    return {**TOWER, "image_size": SIDE, "patch_size": PATCH, **more}


def _clip() -> tuple[Any, Any]:
    vision = _vision(projection_dim=DIMENSION)
    config = tf.CLIPConfig(text_config=_text(), vision_config=vision, projection_dim=DIMENSION)
    size = {"shortest_edge": SIDE}
    crop = {"height": SIDE, "width": SIDE}
    return tf.CLIPModel(config), tf.CLIPImageProcessor(size=size, crop_size=crop)


def _siglip() -> tuple[Any, Any]:
    config = tf.SiglipConfig(
        text_config=_text(projection_size=TOWER["hidden_size"]), vision_config=_vision()
    )
    return tf.SiglipModel(config), tf.SiglipImageProcessor(size={"height": SIDE, "width": SIDE})


def _siglip2() -> tuple[Any, Any]:
    text = _text(projection_size=TOWER["hidden_size"])
    config = tf.Siglip2Config(text_config=text, vision_config=_vision(num_patches=16))
    return tf.Siglip2Model(config), tf.Siglip2ImageProcessor(patch_size=PATCH, max_num_patches=16)


def _chinese_clip() -> tuple[Any, Any]:
    vision = _vision(projection_dim=DIMENSION)
    config = tf.ChineseCLIPConfig(
        text_config=_text(), vision_config=vision, projection_dim=DIMENSION
    )
    size = {"height": SIDE, "width": SIDE}
    return tf.ChineseCLIPModel(config), tf.ChineseCLIPImageProcessor(
        size=size, do_center_crop=False
    )


def _dual(vision: Any) -> tuple[Any, Any]:
    config = tf.VisionTextDualEncoderConfig(
        vision_config=vision.to_dict(),
        text_config=tf.BertConfig(**_text()).to_dict(),
        projection_dim=DIMENSION,
    )
    if not hasattr(config.vision_config, "hidden_size"):
        config.vision_config.hidden_size = vision.hidden_sizes[-1]
    processor = tf.ViTImageProcessor(size={"height": SIDE, "width": SIDE})
    return tf.VisionTextDualEncoderModel(config), processor


FAMILIES = {
    "clip": _clip,
    "siglip": _siglip,
    "siglip2": _siglip2,
    "chinese-clip": _chinese_clip,
    "vision-text-vit": lambda: _dual(tf.ViTConfig(**_vision())),
    "vision-text-resnet": lambda: _dual(
        tf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    ),
}


def save_tiny(family: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a random model of a family with its processor and tokenizer."""
    torch.manual_seed(seed)
    network, processor = FAMILIES[family]()
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
